import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { SampleResult, StoredHeatmap } from "../pipeline/evaluate.ts";
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
  await run.summarize({}, {});
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

const SCORES = { absCnr: 1, cnr: 1, miou: 0.5, aucRoc: 0.9 };

/** Returns a scored result of a variant. */
function scored(id: string, index: number, setting: string): SampleResult {
  return { id, index, setting, status: "scored", boxes: [[1, 2, 3, 4]], threshold: 0.5, ...SCORES };
}

/** A sample that dropped out of all variants. */
const FAILED: SampleResult = {
  ...{ id: "s1", index: 1, status: "failed", stage: "decode" },
  ...{ reason: "no file", error: "NotFound", image: "s1.png" },
};

/** Writes lines to a run's results. */
const write = (folder: string, ...results: object[]) =>
  Deno.writeTextFile(
    `${folder}/results.jsonl`,
    results.map((result) => `${JSON.stringify(result)}\n`).join(""),
  );

Deno.test("Run gives results by variant and by sample, and says whether its files have changed", () =>
  inFolder(async (folder) => {
    await store(folder, RECORD, []);
    // A kill left the last sample without its second variant.
    const all = [scored("s0", 0, "a"), scored("s0", 0, "b"), FAILED, scored("s2", 2, "a")];
    await write(folder, ...all);
    using run = await Run.open(folder, "draw");
    assertEquals(await Array.fromAsync(run.results()), all);
    assertEquals(await Array.fromAsync(run.results("b")), [all[1]!, FAILED]);
    assertEquals(await Array.fromAsync(run.samples()), [[all[0]!, all[1]!], [FAILED]]);
    assertEquals([...await Run.imagePaths(folder)], ["s1.png"]);
    assertEquals([run.variant(), run.variant("b")], ["a", "b"]);
    assertThrows(
      () => run.variant("c"),
      RangeError,
      `Cannot draw setting "c" of "${folder}": expected one of "a", "b"`,
    );
    await assertRejects(() => run.stored(all[0]!), SyntaxError, 'heatmap of "s0", setting "a"');
    assertEquals(run.missing([FAILED, ...all])!.message.includes(" and of 4 more, found"), true);
    assertEquals([run.missing([]), await run.hasChanged()], [undefined, false]);
    await write(folder, ...all, FAILED);
    assertEquals(await run.hasChanged(), true);
    assertEquals(await Array.fromAsync(run.results()), all);
    assertEquals(await Array.fromAsync(run.samples()), [[all[0]!, all[1]!], [FAILED]]);
  }));

Deno.test("Run names a result that the run cannot have, to each of its readers", () =>
  inFolder(async (folder) => {
    await store(folder, RECORD, []);
    const { setting: _, ...unnamed } = scored("s0", 0, "a");
    const cases: [object, string][] = [
      [scored("s0", 0, "other"), 'its setting "other" is none of the run\'s'],
      [{ ...FAILED, id: "s0", setting: "other" }, 'its setting "other" is none of the run\'s'],
      [unnamed, 'its setting "" is none of the run\'s'],
      [{ ...scored("s0", 0, "a"), boxes: [1] }, "expected boxes of four numbers each"],
      [{ ...scored("s0", 0, "a"), boxes: [["1"]] }, "expected boxes of four numbers each"],
    ];
    for (const [result, reason] of cases) {
      await write(folder, result, scored("s0", 0, "b"));
      using run = await Run.open(folder, "show");
      for (const read of [() => run.results(), () => run.samples()]) {
        const message = `Cannot show "s0" of "${folder}": ${reason}`;
        await assertRejects(() => Array.fromAsync<unknown>(read()), SyntaxError, message);
      }
    }
    // Predicted boxes have a variant and no heatmap; samples may drop out of one variant alone.
    const predicted = { ...scored("s0", 0, "a"), predicted: [[1, 2, 3, 4]] };
    const skipped = { ...FAILED, id: "s0", setting: "b", status: "skipped" };
    await write(folder, predicted, skipped);
    using run = await Run.open(folder);
    assertEquals((await Array.fromAsync(run.samples())).length, 1);
  }));
