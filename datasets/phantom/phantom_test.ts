import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { openDataset } from "../open_dataset.ts";
import { drawPhantom, drawPhantoms } from "./phantom.ts";
import { writePhantomSet } from "./phantom_set.ts";
import { CLASSES } from "../sample.ts";

Deno.test("drawPhantom() draws the same from the same seed, and another from another", () => {
  const options = { seed: 5, width: 80, height: 100 };
  assertEquals(drawPhantom(options), drawPhantom(options));
  assertNotEquals(drawPhantom(options).data, drawPhantom({ ...options, seed: 6 }).data);
});

Deno.test("drawPhantom() keeps every box inside the image, in any shape", () => {
  for (const [width, height] of [[84, 100], [100, 70], [64, 64]] as const) {
    for (const category of CLASSES) {
      for (let seed = 0; seed < 4; seed++) {
        const phantom = drawPhantom({ seed, width, height, categories: [category] });
        for (const [x, y, w, h] of phantom.findings.flatMap(({ boxes }) => boxes)) {
          assert(x >= 0 && y >= 0 && w > 1 && h > 1 && x + w <= width && y + h <= height);
        }
      }
    }
  }
});

Deno.test("drawPhantom() shows a finding inside its box more than outside", () => {
  const shared = { seed: 9, width: 160, height: 200 };
  for (const category of ["Consolidation", "Pleural Effusion", "Pneumothorax"] as const) {
    const { data, findings } = drawPhantom({ ...shared, categories: [category] });
    // The same phantom without the finding: chest and noise are identical.
    const healthy = drawPhantom({ ...shared, categories: [] }).data;
    const [x, y, w, h] = findings[0]!.boxes[0]!;
    let [inside, outside] = [0, 0];
    data.forEach((value, i) => {
      const [column, row] = [i % 160, Math.floor(i / 160)];
      const isInside = column >= x && column < x + w && row >= y && row < y + h;
      const difference = Math.abs(value - healthy[i]!);
      if (isInside) inside += difference / (w * h);
      else outside += difference / (160 * 200 - w * h);
    });
    assert(inside > 5 * outside, `${category}: ${inside} inside, ${outside} outside`);
  }
});

Deno.test("drawPhantom() refuses a size that nothing can be seen in", () => {
  assertThrows(() => drawPhantom({ seed: 1, width: 8 }), RangeError, "8x512");
});

Deno.test("drawPhantom() varies where a class of findings is, and says it in its words", () => {
  for (const category of CLASSES) {
    const phantoms = Array.from(
      { length: 12 },
      (_, seed) => drawPhantom({ seed, width: 64, height: 64, categories: [category] }),
    );
    const centers = phantoms.map(({ findings: [finding] }) => {
      const [x, y, w, h] = finding!.boxes[0]!;
      assert(finding!.wordings.includes(finding!.phrase));
      return [x + w / 2, y + h / 2];
    });
    for (const axis of [0, 1]) {
      const places = centers.map((center) => center[axis]!);
      assert(Math.max(...places) - Math.min(...places) > 8, `${category}: ${places}`);
    }
    assert(new Set(phantoms.map(({ findings: [finding] }) => finding!.phrase)).size > 2, category);
  }
});

Deno.test("drawPhantom() puts findings of the airspace into different parts of the lungs", () => {
  const categories = ["Pneumonia", "Consolidation", "Lung Opacity"] as const;
  for (let seed = 0; seed < 20; seed++) {
    const { findings } = drawPhantom({ seed, width: 48, height: 48, categories });
    const places = findings.map(({ phrase }) =>
      [/left|right/, /upper|mid|lower|base/].map((part) => part.exec(phrase)![0]).join(" ")
    );
    assertEquals(new Set(places.map((place) => place.replace("base", "lower"))).size, 3);
  }
});

Deno.test("drawPhantom() hides no thin band and no fluid behind an enlarged heart", () => {
  const categories = ["Cardiomegaly", "Atelectasis", "Pleural Effusion"] as const;
  for (let seed = 0; seed < 20; seed++) {
    const { findings } = drawPhantom({ seed, width: 48, height: 48, categories });
    for (const { wordings } of findings.slice(1)) {
      for (const wording of wordings) assert(wording.includes("right"), `${seed}: ${wording}`);
    }
  }
});

Deno.test("drawPhantoms() draws as many as are asked for and no more than are taken", () => {
  const options = { seed: 3 };
  assertEquals([...drawPhantoms({ ...options, images: 2 })].length, 2);
  const endless = drawPhantoms({ ...options, images: Infinity });
  assertEquals(endless.next().value, [...drawPhantoms({ ...options, images: 1 })][0]);
  assertThrows(() => drawPhantoms({ seed: -1 }), RangeError, "seed -1");
  assertThrows(() => drawPhantoms({ seed: 1, images: 0 }), RangeError, "Cannot draw 0 phantoms");
});

Deno.test("writePhantomSet() writes the same files each time, in the layout of MS-CXR", async () => {
  const [one, two] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
  try {
    const { csv } = await writePhantomSet(one, { seed: 1, images: 16 });
    const again = await writePhantomSet(two, { seed: 1, images: 16 });
    assertEquals(await Deno.readFile(csv), await Deno.readFile(again.csv));
    const dataset = await openDataset(one);
    assertEquals(dataset.kind, "phantoms");
    const phrases = new Map<string, number>();
    for await (const item of dataset.items) {
      assert(item.kind === "sample");
      if (item.kind !== "sample") continue;
      const { category, image } = item.sample;
      phrases.set(category!, (phrases.get(category!) ?? 0) + 1);
      assertEquals(await Deno.readFile(image), await Deno.readFile(image.replace(one, two)));
    }
    assert(dataset.count >= 24);
    for (const category of CLASSES) assert((phrases.get(category) ?? 0) >= 2, category);
  } finally {
    await Deno.remove(one, { recursive: true });
    await Deno.remove(two, { recursive: true });
  }
});
