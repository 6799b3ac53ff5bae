import "../../base/host/deno/mod.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { Box } from "../../base/geometry.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { RunFolder } from "../../runs/run_folder.ts";
import { Run } from "../../runs/run.ts";
import { inFolder } from "../../tests/support/command.ts";
import { formatMarkdown } from "../tables/table_markdown.ts";
import { readLaterality } from "./laterality.ts";
import { formatLateralityCsv, hasLaterality, makeLateralityTable } from "./laterality_table.ts";

/** A sample on an image of 8x8 pixels, and the mass of its heatmap left and right of the middle. */
interface Made {
  image: string;
  phrase: string;
  box: Box;
  mass: [left: number, right: number];
  category?: string;
  group?: string;
}

/** Opens a run with some samples, all of one method with heatmaps of 2x2 values. */
async function withRun(made: readonly Made[], test: (run: Run) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const path = join(folder, "run");
    const run = await RunFolder.lock(path, () => {});
    const plan = made.map((_, index) => ({ id: `s${index}`, index }));
    const facts = { methods: { mine: {} }, margin: "excluded" };
    await run.begin({ facts, variants: [""], plan }, "refuse", () => {});
    for (const [index, { mass: [left, right], box, ...sample }] of made.entries()) {
      const id = `s${index}`;
      await run.writeHeatmaps([{
        ...{ id, size: 2, image: { width: 8, height: 8 } },
        layers: [{ layer: 0, side: 2, data: Float32Array.of(left, right, 0, 0) }],
        view: { crop: 8, resized: 8 },
      }]);
      const scores = { absCnr: 1, cnr: 1, miou: 0.5, aucRoc: 0.5 };
      const result: SampleResult = {
        ...{ id, index, ...sample, boxes: [box], threshold: null },
        ...scores,
        status: "scored",
      };
      await run.write([result]);
    }
    await run.summarize({}, {});
    await run.close();
    using opened = await Run.open(path);
    await test(opened);
  });
}

const LEFT: Box = [5, 1, 2, 4];
const RIGHT: Box = [1, 1, 2, 4];

Deno.test("readLaterality() judges pairs by the line between their ground truths", () =>
  withRun([
    { image: "a", phrase: "the left lung", box: LEFT, mass: [0, 1] },
    { image: "a", phrase: "the right lung", box: RIGHT, mass: [1, 0] },
    { image: "b", phrase: "the left lung", box: LEFT, mass: [1, 0] },
    // No pair: one side, other phrases, and a phrase without a side.
    { image: "c", phrase: "the left lung", box: LEFT, mass: [0, 1] },
    { image: "d", phrase: "left effusion", box: LEFT, mass: [0, 1] },
    { image: "d", phrase: "right mass", box: RIGHT, mass: [1, 0] },
    { image: "d", phrase: "effusion", box: RIGHT, mass: [1, 0] },
    // A pair by its class.
    { image: "e", phrase: "small left effusion", box: LEFT, mass: [0, 1], category: "Effusion" },
    { image: "e", phrase: "large right effusion", box: RIGHT, mass: [1, 0], category: "Effusion" },
    // The other side of an image whose rows lie apart.
    { image: "b", phrase: "the right lung", box: RIGHT, mass: [1, 0] },
  ], async (run) => {
    const laterality = await readLaterality(run);
    const [pairs, ...others] = laterality.variants[""]!;
    assertEquals(others, []);
    assertEquals([pairs!.kind, pairs!.maps, pairs!.images], ["left and right", 6, 3]);
    assertEquals(pairs!.share, 5 / 6);
    // A third of the images has half of its maps right: the interval's ends are 1/2 and 1.
    assertEquals(pairs!.interval, [0.5, 1]);
    const markdown = formatMarkdown(makeLateralityTable(laterality));
    assertStringIncludes(markdown, "83.3");
    assertStringIncludes(
      formatLateralityCsv(laterality),
      ",left and right,%,83.33333333333334,50,",
    );
  }));

Deno.test("readLaterality() judges heart and devices by the lungs' line, or the image's middle", () =>
  withRun([
    { image: "a", phrase: "left lung", box: [6, 0, 2, 8], mass: [0, 1], group: "Anatomy" },
    { image: "a", phrase: "right lung", box: [2, 0, 2, 8], mass: [1, 0], group: "Anatomy" },
    // The lungs' line is at 5: the heart's own side is the left of the image.
    {
      ...{ image: "a", phrase: "heart", box: [3, 3, 3, 3], mass: [1, 0] },
      ...{ category: "Cardiomediastinum", group: "Anatomy" },
    },
    { image: "b", phrase: "a tube", box: [5, 0, 2, 8], mass: [1, 0], group: "Devices" },
    // A device on both sides does not count.
    { image: "b", phrase: "a line", box: [3, 0, 2, 8], mass: [1, 0], group: "Devices" },
    { image: "b", phrase: "a heart", box: LEFT, mass: [0, 1], category: "Cardiomegaly" },
  ], async (run) => {
    const { variants, unread } = await readLaterality(run);
    assertEquals(
      variants[""]!.map(({ kind, maps, share, interval }) => [kind, maps, share, interval]),
      [
        ["left and right", 2, 1, undefined],
        ["heart", 1, 1, undefined],
        ["devices", 1, 0, undefined],
      ],
    );
    assertEquals(unread, 0);
  }));

Deno.test("readLaterality() finds nothing in a run without sides", () =>
  withRun([{ image: "a", phrase: "haze", box: LEFT, mass: [0, 1] }], async (run) => {
    assertEquals(hasLaterality(await readLaterality(run)), false);
  }));
