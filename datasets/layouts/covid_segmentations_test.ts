import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { boundsOf } from "../../base/region.ts";
import { readRegion } from "../../scoring/truth/read_region.ts";
import { readCsv } from "../csv.ts";
import { openDataset } from "../open_dataset.ts";
import { covidCredits, covidFiles, covidRows } from "./covid_segmentations.ts";

const EXCERPT = new URL("../../../shared/reference/covid-segmentations", import.meta.url).pathname;

const CYST = "X-ray_of_cyst_in_pneumocystis_pneumonia_1.jpg";

Deno.test("openDataset() reads the excerpt: phrases, groups, masks, licences", async () => {
  const dataset = await openDataset(EXCERPT);
  assertEquals(dataset.kind, "covid-segmentations");
  assertStringIncludes(dataset.attribution!, "Dr. Ayoub El Hajjami");
  const items = await Array.fromAsync(dataset.items);
  const samples = items.flatMap((item) => item.kind === "sample" ? [item.sample] : []);
  // By Python: zlib.crc32(name.encode()) % 3 is 1 for both images.
  assertEquals(
    samples.map(({ category, group, phrase, wording, masks = [] }) =>
      [category, group, phrase, wording, masks.length].join(", ")
    ),
    [
      "Airways, Anatomy, central airways, 2, 1",
      "Cardiomediastinum, Anatomy, heart and mediastinum, 2, 1",
      "Ground Glass Opacities, Findings, hazy ground-glass opacity, 2, 1",
      "Right Lung, Anatomy, right lung field, 2, 1",
      "Left Lung, Anatomy, left lung field, 2, 1",
      "Airways, Anatomy, central airways, 2, 1",
      "Cardiomediastinum, Anatomy, heart and mediastinum, 2, 1",
      "Consolidation, Findings, airspace consolidation, 2, 1",
      "Endotracheal Tube, Devices, endotracheal tube in place, 2, 1",
      "Ground Glass Opacities, Findings, hazy ground-glass opacity, 2, 1",
      "Left Lung, Anatomy, left lung field, 2, 1",
      "Monitoring Probes, Devices, ECG leads over the chest, 2, 0",
      "Nasogastric Tube, Devices, enteric tube, 2, 1",
      "Right Lung, Anatomy, right lung field, 2, 1",
      "Tubings, Devices, external tubing, 2, 1",
    ],
  );
  assertEquals(samples[0]!.notes, [
    `image: CC BY, from https://en.wikipedia.org/wiki/File:${CYST}`,
  ]);
  // Each mask fills the box that its row states.
  const left = samples[4]!;
  const { region } = await readRegion(left.masks!, left.imageSize!);
  const [x, y, width, height] = boundsOf(region)!;
  assert(x >= 516 && y >= 0 && x + width <= 516 + 389 && y + height <= 751);
  assert(width > 380 && height > 740);
});

const HEADER = "Class,Filename,Mask,Resolution,Top,Left,Width,Height";

Deno.test("covidRows() puts the masks of a class together, and names the fault of a row", () => {
  const rows = (...lines: string[]) =>
    covidRows(
      "d/structure.csv",
      readCsv("structure.csv", [HEADER, ...lines].join("\n")),
      undefined,
    );
  const [one] = rows("COVID-19 Nosogastric Tube,a.png,masks/1.png,10x20,1,2,3,4");
  assertEquals(one, {
    where: "structure.csv:2",
    stem: "a.png",
    image: "images/a.png",
    phrase: "Nasogastric Tube",
    category: "Nasogastric Tube",
    group: "Devices",
    size: ["10", "20"],
    mask: { path: "masks/1.png", left: "2", top: "1", size: ["3", "4"] },
  });
  const faults = rows("COVID-19 Liver,a.png,m.png,1x1,0,0,1,1", "Airways,,m.png,1x1,0,0,1,1", "a,b")
    .map(({ fault }) => fault);
  assertStringIncludes(faults[0]!, "the class must be one of Left Lung, Right Lung, ");
  assertStringIncludes(faults[0]!, 'Tubings, got "Liver"');
  assertEquals(faults.slice(1), [
    "the row names no image",
    "the row has 2 fields, but the header has 8",
  ]);
});

Deno.test("covidCredits() marks licences that forbid commerce or are not stated", () => {
  const metadata = readCsv(
    "metadata.csv",
    "filename,license,url,doi\na,CC BY,u,d\nb,CC BY-NC-SA,,d\nc,,u,\n",
  );
  const credits = [...covidCredits(metadata).values()];
  assertEquals(credits.map(({ image, restriction, source }) => [image, restriction, source]), [
    ["images/a", "", "u"],
    ["images/b", "its licence forbids commercial use", "d"],
    ["images/c", "its licence is not stated", "u"],
  ]);
});

Deno.test("covidFiles() names each image and mask once", () => {
  const table = readCsv("s.csv", `${HEADER}\nA,a.png,masks/1.png,,,,,\nB,a.png,,,,,,\n`);
  assertEquals(covidFiles("s.csv", table), ["images/a.png", "masks/1.png"]);
});
