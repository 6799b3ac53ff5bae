import { assertEquals, assertRejects } from "@std/assert";
import type { StoredHeatmap } from "../pipeline/evaluate.ts";
import { postprocess } from "../pipeline/postprocess.ts";
import { Random } from "../base/random.ts";
import { AttentionAccumulator } from "../shaders/aggregate_cpu.ts";
import { inFolder } from "../tests/support/command.ts";
import { RunFolder, type RunRecord } from "./run_folder.ts";
import { Run } from "./run.ts";

const RECORD: RunRecord = {
  facts: {
    settings: { sigma: 1.5, variants: [{ name: "a", otsu: true }, { name: "b", otsu: false }] },
    margin: "excluded",
  },
  variants: ["a", "b"],
  plan: [{ id: "s0", index: 0 }],
};

async function store(folder: string, record: RunRecord, heatmaps: readonly StoredHeatmap[]) {
  const run = await RunFolder.lock(folder, () => {});
  await run.begin(record, "refuse", () => {});
  await run.writeHeatmaps(heatmaps);
  await run.summarise({}, {});
  await run.close();
}

Deno.test("Run makes the very heatmaps that the run made, for each setting", () =>
  inFolder(async (folder) => {
    const sides = [8, 4, 8];
    const random = new Random(1);
    const maps = sides.map((side) =>
      Float32Array.from({ length: side * side * 3 }, () => random.uniform())
    );
    const range = { tokens: 3, tokenStart: 1, tokenEnd: 3 };
    const layers = maps.map((data, i) => {
      const sum = new AttentionAccumulator(sides[i]! ** 2);
      sum.add(data, range);
      return { layer: 3 + i, side: sides[i]!, data: sum.mean() };
    });
    const stored = { id: "s0", size: 100, image: { width: 75, height: 50 }, layers };
    await store(folder, RECORD, ["a", "b"].map((setting) => ({ ...stored, setting })));
    using run = await Run.open(folder);
    for (const [setting, otsu] of [["a", true], ["b", false]] as const) {
      const expected = postprocess({
        layers: maps.map((data, i) => ({ data, shape: [1, sides[i]! ** 2, 3] })),
        ...{ ...range, size: 100, sigma: 1.5, otsu },
      });
      const made = await run.get("s0", setting);
      for (const name of ["normalised", "heatmap", "threshold", "box"] as const) {
        assertEquals(made[name], expected[name]);
      }
      assertEquals(made.crop, { x: 12, y: 0, side: 50 });
      assertEquals(made.originalBox === undefined, !otsu);
    }
    assertEquals([run.has("s0", "a"), run.has("s0")], [true, false]);
    await assertRejects(() => run.get("s1"), RangeError, 'heatmap of "s1", found none');
  }));

Deno.test("Run names a folder without a run, and a run that does not say its method", () =>
  inFolder(async (folder) => {
    await assertRejects(
      () => Run.open(folder),
      Deno.errors.NotFound,
      "the folder of a run",
    );
    const settings = [undefined, { sigma: 40, otsu: true }, { sigma: 1 }, { variants: [null] }];
    for (const [i, wrong] of settings.entries()) {
      const facts = { settings: wrong, margin: "excluded" };
      await store(`${folder}/${i}`, { facts, variants: [""], plan: [] }, []);
      await assertRejects(() => Run.open(`${folder}/${i}`), SyntaxError, "expected sigma");
    }
  }));
