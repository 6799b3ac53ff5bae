import "../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { openDataset } from "../datasets/open_dataset.ts";
import { boxesMethod } from "../methods/boxes/score_boxes.ts";
import { evaluate } from "../pipeline/evaluate.ts";
import { decode, type Image } from "imagescript";
import type { SampleResult } from "../pipeline/evaluate.ts";
import { Random } from "../base/random.ts";
import { encodeNpy } from "./exports/npy.ts";
import { regionOf } from "../base/region.ts";
import { renderOverlay } from "./figures/overlay.ts";
import { ScoreSummary, SummaryByVariant } from "./tables/summary.ts";
import { formatTable } from "./tables/table.ts";
import { makeTable } from "./tables/result_table.ts";

const scored = (category: string | undefined, miou: number): SampleResult => ({
  id: "a",
  boxes: [],
  threshold: 0.5,
  status: "scored",
  absCnr: 1.234,
  cnr: -0.5,
  miou,
  aucRoc: 0.75,
  ...(category && { category }),
});

const failed = (reason: string): SampleResult => ({
  id: reason,
  status: "failed",
  stage: "decode",
  reason,
});

Deno.test("ScoreSummary averages classes, not samples", () => {
  const summary = new ScoreSummary();
  for (const miou of [0.1, 0.2, 0.3]) summary.add(scored("Edema", miou));
  summary.add(scored("Pneumonia", 0.6));
  const { classes, average, counts } = summary.toJSON();
  assertEquals(classes.map(({ category, count }) => [category, count]), [
    ["Pneumonia", 1],
    ["Edema", 3],
  ]);
  assert(Math.abs(average!.miou - 0.4) < 1e-15);
  assertEquals(counts, { scored: 4, grounded: 0, skipped: 0, failed: 0 });
});

Deno.test("ScoreSummary depends on the results, not on their order", () => {
  const random = new Random(1);
  const results = Array.from({ length: 300 }, (_, i): SampleResult => ({
    ...(scored(["Edema", "Scar", "Node"][i % 3], random.uniform()) as SampleResult),
    ...{ cnr: random.normal(), aucRoc: i % 5 / 5 },
  }));
  const summarize = (results: readonly SampleResult[]) => {
    const summary = new ScoreSummary();
    for (const result of results) summary.add(result);
    return JSON.stringify(summary);
  };
  const shuffled = results.map((result) => ({ result, key: random.uniform() }))
    .sort((a, b) => a.key - b.key).map(({ result }) => result);
  assertEquals(summarize(shuffled), summarize(results));
  const { classes } = JSON.parse(summarize(shuffled));
  assertEquals(classes.map(({ category }: { category: string }) => category), [
    ...["Edema", "Node", "Scar"],
  ]);
});

Deno.test("ScoreSummary has intervals where classes have more than a sample", () => {
  const summary = new ScoreSummary();
  for (const miou of [0.1, 0.2, 0.3]) summary.add(scored("Edema", miou));
  const [low, high] = summary.toJSON().average!.intervals!.miou;
  assert(0.1 <= low && low < 0.2 && 0.2 < high && high <= 0.3, `${low} ${high}`);
  summary.add(scored("Pneumonia", 0.6));
  const { classes, average, bootstrap } = summary.toJSON();
  assertEquals(classes.map(({ intervals }) => intervals?.miou), [undefined, [low, high]]);
  assertEquals(average!.intervals, undefined);
  assertEquals(bootstrap, { resamples: 2000, seed: 0, level: 0.95 });
});

Deno.test("ScoreSummary has intervals over patients if each scored sample has one", () => {
  const result = (i: number, image: string): SampleResult => ({
    ...{ id: `${i}`, image, category: i % 3 === 0 ? "Edema" : "Pneumonia", boxes: [] },
    ...{ threshold: null, absCnr: i, cnr: i, miou: i / 20, aucRoc: 0.5, status: "scored" },
  });
  const summarize = (results: readonly SampleResult[]) => {
    const summary = new ScoreSummary();
    for (const each of results) summary.add(each);
    return summary.toJSON();
  };
  const known = Array.from(
    { length: 12 },
    (_, i) => result(i, `files/p10/p1000000${i % 4}/s50000000/${i}.jpg`),
  );
  const { patients, classes } = summarize(known);
  assertEquals(patients?.count, 4);
  assertEquals(Object.keys(patients!.intervals), ["Pneumonia", "Edema", "Avg"]);
  const [low, high] = patients!.intervals.Pneumonia!.miou;
  assert(low < classes[0]!.miou && classes[0]!.miou < high);
  assertEquals(summarize(known.toReversed()).patients, patients);
  assertEquals(summarize([...known, result(12, "unknown.png")]).patients, undefined);
});

Deno.test("ScoreSummary counts left-out samples by class", () => {
  const summary = new ScoreSummary();
  summary.add({ ...failed("a"), category: "Scar" });
  summary.add({ ...failed("b"), category: "Edema" });
  summary.add({ ...failed("c"), category: "Edema", status: "skipped" } as SampleResult);
  summary.add(failed("d"));
  assertEquals(summary.toJSON().leftOut, [
    { category: "Edema", skipped: 1, failed: 1 },
    { category: "(none)", skipped: 0, failed: 1 },
    { category: "Scar", skipped: 0, failed: 1 },
  ]);
});

Deno.test("ScoreSummary groups reasons and does not grow with them", () => {
  const summary = new ScoreSummary();
  const letters = (i: number) => String.fromCharCode(97 + i / 10, 97 + i % 10);
  for (let i = 0; i < 500; i++) summary.add(failed(`reason ${letters(i % 100)}`));
  const { reasons, average, counts } = summary.toJSON();
  assertEquals(counts.failed, 500);
  assertEquals(average, undefined);
  assertEquals(reasons.length, 51);
  assertEquals(reasons[0], {
    status: "failed",
    stage: "decode",
    reason: "reason aa",
    count: 5,
    example: "reason aa",
  });
  assertEquals(reasons.at(-1)!.reason, "other reasons");
  assertEquals(reasons.at(-1)!.count, 250);
});

Deno.test("ScoreSummary groups reasons that differ in a path, a number, a box or a row", () => {
  const kinds: Record<string, string[]> = {
    "there is no such file": Array.from(
      { length: 60 },
      (_, i) => `Cannot read image "a/m${i} \\"b\\".png": there is no such file`,
    ),
    'Cannot read image "a.png": it is a folder': [
      'Cannot read image "a.png": it is a folder',
      'Cannot read image "a.png": it is a folder',
    ],
    "box […] lies outside the image of … pixels": [
      "box [9,1,2,3] lies outside the image of 8x8 pixels",
      "box [1,9,2,3] lies outside the image of 8x9 pixels (b.csv:7, one of the 2 rows of its sample)",
    ],
    'x of the box must be a number, got "…"': [
      'x of the box must be a number, got "NaN" (a (1).csv:3, one of the 2 rows of its sample)',
      'x of the box must be a number, got "1,5"',
    ],
    "box [0,0,0,0] has no size": [
      "box [0,0,0,0] has no size (b.csv:3, one of the 2 rows of its sample)",
      "box [0,0,0,0] has no size (b.csv:5, one of the 2 rows of its sample)",
    ],
    "the row has … fields, but the header has 7": [
      "the row has 6 fields, but the header has 7",
      "the row has 8 fields, but the header has 7",
    ],
    "it refers to image …, which is not there": [
      "it refers to image a-7, which is not there",
      "it refers to image b9f, which is not there",
    ],
    "transfer syntax 1.2.840.10008.1.2.4.80 is not read": [
      "transfer syntax 1.2.840.10008.1.2.4.80 is not read",
    ],
    "transfer syntax 1.2.840.10008.1.2.4.92 is not read": [
      "transfer syntax 1.2.840.10008.1.2.4.92 is not read",
    ],
  };
  const summary = new ScoreSummary();
  for (const reason of Object.values(kinds).flat()) summary.add(failed(reason));
  assertEquals(
    summary.toJSON().reasons.map(({ reason, count, example }) => [reason, count, example]),
    Object.entries(kinds).map(([kind, reasons]) => [kind, reasons.length, reasons[0]]),
  );
});

Deno.test("ScoreSummary has one line for images that are all missing", async () => {
  const path =
    new URL("../../shared/cases/missing-images-summary/data.csv", import.meta.url).pathname;
  const { items } = await openDataset(path);
  const summary = new ScoreSummary();
  const methods = { boxes: boxesMethod(new Map()) };
  for await (const { result } of evaluate(items, methods)) summary.add(result);
  assertEquals(summary.toJSON().reasons, [{
    ...{ status: "failed", stage: "decode", reason: "there is no such file" },
    ...{ count: 60, example: "m0.png#1" },
  }]);
});

Deno.test("formatTable() has the paper's rows, columns and decimals", () => {
  const summary = new ScoreSummary();
  summary.add(scored("Pleural Effusion", 0.123));
  summary.add(scored(undefined, 0.221));
  const lines = formatTable(makeTable({ "": summary.toJSON() })).split("\n");
  const cells = (label: string) =>
    lines.find((line) => line.startsWith(label))!.slice(label.length).trim().split(/\s+/);
  const dash = Array(7).fill("–");
  assertEquals(cells("|CNR|"), [...dash, "1.23", "1.23", "1.23"]);
  assertEquals(cells("CNR"), [...dash, "-0.50", "-0.50", "-0.50"]);
  assertEquals(cells("mIoU %"), [...dash, "12.3", "22.1", "17.2"]);
  assertEquals(cells("AUC-ROC %"), [...dash, "75.0", "75.0", "75.0"]);
  assertEquals(cells("samples"), [...Array(7).fill("0"), "1", "1", "2"]);
});

Deno.test("formatTable() has CNR and mIoU of each setting, and counts dropouts for all of them", () => {
  const summary = new SummaryByVariant(["one", "another"]);
  summary.add({ ...scored("Edema", 0.1), setting: "one" });
  summary.add({ ...scored("Edema", 0.2), setting: "another" });
  summary.add(failed("no image"));
  const ablation = summary.toJSON();
  assertEquals(Object.values(ablation).map(({ counts }) => [counts.scored, counts.failed]), [
    [1, 1],
    [1, 1],
  ]);
  const rows = formatTable(makeTable(ablation)).split("\n").slice(0, -1)
    .map((line) => line.trim().split(/\s+/));
  const dash = Array(4).fill("–");
  const rest = [...Array(3).fill("–")];
  assertEquals(rows.slice(-8), [
    ["one"],
    ["CNR", ...dash, "-0.50*", ...rest, "-0.50*"],
    ["mIoU", "%", ...dash, "10.0", ...rest, "10.0"],
    ["another"],
    ["CNR", ...dash, "-0.50*", ...rest, "-0.50*"],
    ["mIoU", "%", ...dash, "20.0*", ...rest, "20.0*"],
    ["samples", "0", "0", "0", "0", "1", "0", "0", "0", "1"],
    ["failed", ...Array(8).fill("0"), "1"],
  ]);
});

Deno.test("encodeNpy() writes a file that NumPy reads", () => {
  const bytes = encodeNpy(Float32Array.of(1, -2.5, 3, 4, 5, 6), [2, 3]);
  assertEquals([...bytes.subarray(0, 8)], [0x93, 78, 85, 77, 80, 89, 1, 0]);
  const length = new DataView(bytes.buffer).getUint16(8, true);
  assertEquals((10 + length) % 64, 0);
  const header = new TextDecoder().decode(bytes.subarray(10, 10 + length));
  assert(header.startsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"));
  assert(header.endsWith("\n"));
  assertEquals([...new Float32Array(bytes.slice(10 + length).buffer)], [1, -2.5, 3, 4, 5, 6]);
  assert(new TextDecoder().decode(encodeNpy(new Float32Array(2), [2])).includes("'shape': (2,), "));
});

Deno.test("renderOverlay() colours the mask, dims outside the crop and draws boxes", async () => {
  const [width, height] = [600, 800];
  const gray = { data: new Uint8Array(width * height).fill(100), width, height };
  const heatmap = new Float32Array(16).fill(0);
  heatmap[0] = 1; // the top left of 4 x 4 cells
  const png = await renderOverlay({
    gray,
    heatmap,
    size: 4,
    crop: { x: 0, y: 100, side: 600 },
    boxes: [[300, 500, 100, 50]],
  });
  const image = await decode(png) as Image;
  assertEquals([image.width, image.height], [600, 800]);
  const pixel = (
    x: number,
    y: number,
  ) => [...image.bitmap.subarray(4 * (y * width + x)).slice(0, 3)];
  assertEquals(pixel(500, 400), [100, 100, 100]);
  assertEquals(pixel(300, 50), [45, 45, 45]);
  const [red, green, blue] = pixel(70, 170);
  assert(red! > green! && green! > blue!, "hot is yellow to red");
  assertEquals(pixel(149, 170), [64, 224, 255]);
  assertEquals(pixel(350, 500), [0, 230, 64]);
  assertEquals(pixel(350, 520), [100, 100, 100]);
});

Deno.test("renderOverlay() outlines a region as it draws a box, and a thin tube without gaps", async () => {
  const [width, height] = [600, 2048];
  const gray = { data: new Uint8Array(width * height).fill(100), width, height };
  const crop = { x: 0, y: 700, side: 600 };
  const overlay = { gray, heatmap: new Float32Array(16), size: 4, crop };
  const masked = (isMarked: (x: number, y: number) => boolean) =>
    regionOf(
      gray.data.map((_, i) => isMarked(i % width, Math.floor(i / width)) ? 1 : 0),
      gray,
    );
  const box = masked((x, y) => x >= 300 && x < 420 && y >= 500 && y < 560);
  assertEquals(
    await renderOverlay({ ...overlay, region: box }),
    await renderOverlay({ ...overlay, boxes: [[300, 500, 120, 60]] }),
  );
  const tube = masked((x, y) => x === 100 + (y >> 4) && y < 1600);
  const image = await decode(await renderOverlay({ ...overlay, region: tube })) as Image;
  const greens = Array.from({ length: image.height }, (_, y) => {
    const row = image.bitmap.subarray(4 * y * image.width, 4 * (y + 1) * image.width);
    return row.filter((value, i) => i % 4 === 1 && value === 230).length;
  });
  assert(greens.slice(0, 800).every((count) => count > 0 && count < 4));
  assert(greens.slice(800).every((count) => count === 0));
});
