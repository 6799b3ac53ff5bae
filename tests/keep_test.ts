import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { requireRoom } from "../cli/kit/files.ts";
import type { StoredHeatmap } from "../pipeline/evaluate.ts";
import { smoothAttention } from "../pipeline/postprocess.ts";
import { readHeatmaps } from "../runs/heatmap_file.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { copy } from "./support/copy.ts";
import { testGpu } from "./support/gpu.ts";
import { killEval } from "./support/kill.ts";
import { assertSameFiles, makeSet } from "./support/set.ts";

const REFERENCE = new URL("../../shared/reference", import.meta.url).pathname;
const QUICK = ["--dataset", "set", "--steps", "10", "--noise", "sample", "--no-report"];
const FILES = ["results.jsonl", "heatmaps.bin", "attention.bin", "run.json"];

/** Reads the records of a file by id and setting. */
async function readAll(path: string): Promise<Map<string, StoredHeatmap>> {
  const records = await Array.fromAsync(readHeatmaps(path));
  return new Map(records.map(({ heatmap }) => [`${heatmap.id} ${heatmap.setting ?? ""}`, heatmap]));
}

/** Largest difference between a run's heatmaps and those from its kept attention. */
async function differenceOf(run: string): Promise<number> {
  const { facts: { settings } } = JSON.parse(await Deno.readTextFile(`${run}/run.json`));
  const { kept, variants = [{ ...settings, name: "" }], sigma } = settings;
  const attention = await readAll(`${run}/attention.bin`);
  const heatmaps = await readAll(`${run}/heatmaps.bin`);
  assertEquals(heatmaps.size, attention.size * variants.length);
  assert(attention.size > 0);
  let largest = 0;
  for (const { id, size, layers: stored } of attention.values()) {
    for (const { name, layers, start, end } of variants) {
      const means = (layers as number[]).map((layer) => {
        const { side } = stored[kept.layers.indexOf(layer)]!;
        const data = new Float64Array(side * side);
        kept.steps.forEach(([from, to]: [number, number], group: number) => {
          if (from < start || to > end) return;
          const map = stored[group * kept.layers.length + kept.layers.indexOf(layer)]!;
          assertEquals([map.layer, map.side], [layer, side]);
          map.data.forEach((value, i) => data[i]! += value * (to - from) / (end - start));
        });
        return { side, data: Float32Array.from(data) };
      });
      const own = smoothAttention(heatmaps.get(`${id} ${name}`)!.layers, { size, sigma });
      const again = smoothAttention(means, { size, sigma });
      own.normalised.forEach((value, i) =>
        largest = Math.max(largest, Math.abs(value - again.normalised[i]!))
      );
    }
  }
  return largest;
}

Deno.test("kept attention gives the run's own heatmaps again, on every layout of a model", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 2);
    const flat = `${REFERENCE}/ldm-tiny`;
    const models = ["a-sd1", "b-sd2", "c-radedit"].map((name) =>
      `${REFERENCE}/diffusers/${name}/model`
    );
    const cases = [
      ["--keep", "all", "--select", "3..7", "--setting", "mine:all:20%..50%:none"],
      ["--keep", "selected"],
      ["--keep", "all", "--model", flat],
      ...models.map((model) => ["--keep", "all", "--model", model]),
    ];
    for (const [i, args] of cases.entries()) {
      const evaluate = [...QUICK, "--device", "cpu", ...args, "--out", `run-${i}`];
      const { code, stderr } = await runCommand("eval", evaluate, folder);
      assertEquals(code, 3, stderr);
      assertMatch(
        stderr,
        /Keeping attention: [\d.]+ [KM]B a phrase, [\d.]+ [KM]B for \d+ phrases\./,
      );
      const difference = await differenceOf(`${folder}/run-${i}`);
      assert(difference < 1e-6, `${args}: ${difference}`);
    }
    // Results are those of a run that keeps nothing.
    const plain = [...QUICK, "--device", "cpu", "--select", "3..7", "--setting"];
    await runCommand("eval", [...plain, "mine:all:20%..50%:none", "--out", "plain"], folder);
    await assertSameFiles(`${folder}/plain`, `${folder}/run-0`, ["results.jsonl", "ablation.csv"]);
  }));

Deno.test("kept attention of a GPU gives its heatmaps again", async () => {
  await testGpu();
  await inFolder(async (folder) => {
    await makeSet(folder, 2);
    const args = [...QUICK, "--device", "gpu", "--runtime", "native", "--keep", "all"];
    const { code, stderr } = await runCommand("eval", [...args, "--out", "run"], folder);
    assertEquals(code, 3, stderr);
    const difference = await differenceOf(`${folder}/run`);
    assert(difference < 1e-6, `${difference}`);
  });
});

Deno.test("a run that keeps attention goes on after kills and damage, and merges its shards", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 4);
    const args = [...QUICK, "--keep", "all"];
    const evaluate = (...more: string[]) => runCommand("eval", [...args, ...more], folder);
    const whole = await evaluate("--out", "whole");
    assertEquals(whole.code, 3, whole.stderr);
    assertMatch(whole.stdout, /Files: results\.jsonl, heatmaps\.bin, attention\.bin,/);
    await killEval(folder, [...args, "--out", "out"], 100);
    assertEquals((await evaluate("--out", "out")).code, 3);
    await assertSameFiles(`${folder}/out`, `${folder}/whole`, FILES);
    const path = `${folder}/out/attention.bin`;
    const bytes = await Deno.readFile(path);
    for (const damaged of [bytes.slice(0, bytes.length / 2), bytes.slice().fill(0, 9000, 9999)]) {
      await Deno.writeFile(path, damaged);
      const { stderr } = await evaluate("--out", "out");
      assertMatch(stderr, /"out\/attention\.bin" ends before the heatmap of ".*computed again/);
      await assertSameFiles(`${folder}/out`, `${folder}/whole`, FILES);
    }
    const again = await evaluate("--out", "out", "--retry-failed");
    assertEquals(again.code, 3);
    await assertSameFiles(`${folder}/out`, `${folder}/whole`, FILES);
    for (const shard of ["1/2", "2/2"]) await evaluate("--shard", shard, "--out", `s${shard[0]}`);
    const merged = await runCommand("merge", ["--out", "merged", "s2", "s1"], folder);
    assertEquals(merged.code, 3, merged.stderr);
    await assertSameFiles(`${folder}/merged`, `${folder}/whole`, FILES);
    // Another choice of what to keep is another run.
    const other = await runCommand("eval", [...QUICK, "--out", "out"], folder);
    assertEquals(other.code, 1);
    assertMatch(other.stderr, /its run differs in settings\.kept\.layers \(\[0,.*\], here none\)/);
    await copy(`${folder}/out`, `${folder}/plain`);
    const fresh = await runCommand("eval", [...QUICK, "--out", "plain", "--overwrite"], folder);
    assertEquals(fresh.code, 3);
    assertEquals(
      [...Deno.readDirSync(`${folder}/plain`)].some(({ name }) => name === FILES[2]),
      false,
    );
  }));

Deno.test("rescore averages other layers and steps of kept attention, and comes back", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 3);
    const args = [...QUICK, "--device", "cpu", "--select", "4..6"];
    await runCommand("eval", [...args, "--keep", "all", "--out", "run"], folder);
    const rescore = (...args: string[]) => runCommand("rescore", args, folder);
    const cutAt = await rescore("run", "--threshold", "0.5", "--out", "half");
    assertEquals(cutAt.code, 3, cutAt.stderr);
    const half = await Deno.readTextFile(`${folder}/half/results.jsonl`);
    assertEquals(
      half.match(/"threshold":0\.5,/g)?.length,
      half.match(/"status":"scored"/g)?.length,
    );
    assertMatch(await Deno.readTextFile(`${folder}/half/run.json`), /"otsu": 0\.5/);
    const valid = await runCommand("validate", ["half"], folder);
    assertEquals(valid.code, 0, valid.stdout);
    const same = await rescore("run", "--out", "same");
    assertEquals(same.code, 3, same.stderr);
    await assertSameFiles(`${folder}/run`, `${folder}/same`, FILES);
    const other = await rescore("run", "--layers", "3-5", "--select", "2..8", "--out", "other");
    assertEquals(other.code, 3, other.stderr);
    // The model gives the same heatmaps with these layers and steps.
    const chosen = ["--layers", "3-5", "--select", "2..8"];
    await runCommand("eval", [...QUICK, "--device", "cpu", ...chosen, "--out", "model"], folder);
    await assertHeatmaps(`${folder}/other`, `${folder}/model`);
    await rescore("other", "--layers", "9,10", "--select", "4..6", "--out", "back");
    await assertHeatmaps(`${folder}/back`, `${folder}/run`);
    await assertSameFiles(`${folder}/back`, `${folder}/run`, ["attention.bin", "run.json"]);
    for (
      const [args, message] of [
        [
          ["run", "--select", "3..6"],
          /at steps 3\.\.6 of "run": its attention has layers 0,.* from 0, /,
        ],
        [["model", "--layers", "2"], /it stores the layers 3,4,5 at 2\.\.8; eval --keep all/],
      ] as const
    ) {
      const { code, stderr } = await rescore(...args, "--out", "refused");
      assertEquals(code, 1);
      assertMatch(stderr, message);
    }
    await Deno.truncate(`${folder}/run/attention.bin`, 100);
    const cut = await rescore("run", "--out", "cut");
    assertMatch(cut.stderr, /Cannot read "run\/attention\.bin": expected a whole record of the/);
  }));

/** Requires equal heatmaps of two runs but for rounding. */
async function assertHeatmaps(one: string, other: string): Promise<void> {
  const [a, b] = [await readAll(`${one}/heatmaps.bin`), await readAll(`${other}/heatmaps.bin`)];
  assertEquals([...a.keys()], [...b.keys()]);
  for (const [key, { size, layers }] of a) {
    const own = smoothAttention(layers, { size });
    const { normalised } = smoothAttention(b.get(key)!.layers, { size });
    own.normalised.forEach((value, i) => assert(Math.abs(value - normalised[i]!) < 1e-6));
  }
}

Deno.test("tune writes its files for runs with and without kept attention", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 5);
    await runCommand("eval", [...QUICK, "--keep", "selected", "--out", "kept"], folder);
    const settings = ["--setting", "wide:all:all:none", "--setting", "third:3-5:2..8:otsu"];
    await runCommand("eval", [...QUICK, ...settings, "--out", "settings"], folder);
    const tune = (...args: string[]) => runCommand("tune", args, folder);
    const quick = ["--folds", "2", "--sigma", "2.5", "--threshold", "otsu,none"];
    const kept = await tune("kept", ...quick, "--out", "tuned");
    assertEquals(kept.code, 0, kept.stderr);
    assertMatch(kept.stdout, /^tuned against fixed, protocol paper\./);
    assertMatch(kept.stdout, /\n\d+ samples of 4 patients in 2 folds, seed 0; patients are never/);
    assertMatch(kept.stdout, /\nFiles: tuned\/tuning\.json, tuned\/tuning\.csv, tuned\/tuning-s/);
    const json = JSON.parse(await Deno.readTextFile(`${folder}/tuned/tuning.json`));
    assertEquals([json.unit, json.folds, json.choices.All.folds.length], ["patient", 2, 2]);
    const rows = (await Deno.readTextFile(`${folder}/tuned/tuning-settings.csv`)).trim().split(
      "\n",
    );
    assertEquals(rows.length, 1 + 3 * Object.keys(json.choices).length);
    // Layers and steps of the settings are the choice; the first setting is fixed.
    const several = await tune("settings", ...quick, "--metric", "cnr");
    assertEquals(several.code, 0, several.stderr);
    assertMatch(several.stdout, /chosen by CNR of protocol paper\. Fixed: layers 9,10 at 3\.\.6, /);
    const third = await tune("settings", ...quick, "--setting", "third", "--metric", "aep");
    assertMatch(third.stdout, /Fixed: layers 3,4,5 at 2\.\.8, sigma 2\.5, otsu\./);
    for (
      const [args, code, message] of [
        [
          ["kept", "--folds", "9"],
          1,
          /by 9 folds: its \d+ samples .* expected at least 9 patients$/,
        ],
        [["kept", "--folds", "1"], 2, /"--folds" must be a whole number from 2 to 1000, got "1"$/],
        [["kept", "--metric", "dice"], 2, /"--metric" must be one of absCnr, cnr, miou, .*"dice"$/],
        [
          ["kept", "--threshold", "otsu,2"],
          2,
          /list of otsu, none or numbers from 0 to 1, got "2"$/,
        ],
        [["kept", "--select", "0..9"], 1, /^error: Cannot tune "kept" over steps 0\.\.9: its att/],
        [["kept", "--out", "kept/"], 2, /must be another folder than RESULTS/],
        [["none"], 1, /^error: Cannot read "none": expected the folder of a run/],
      ] as const
    ) {
      const found = await tune(...args);
      assertEquals(found.code, code, found.stderr);
      assertMatch(found.stderr.trim().split("\n").at(-1)!, message);
    }
  }));

Deno.test("attention is kept for ldm alone, and only where the disk has room", async () => {
  await inFolder(async (folder) => {
    await makeSet(folder, 2);
    for (const method of ["daam", "generate-to-ground", "ldm,daam"]) {
      const args = [...QUICK.slice(0, 2), "--method", method, "--keep", "all", "--out", "out"];
      const { code, stderr } = await runCommand("eval", args, folder);
      assertEquals(code, 2);
      assertMatch(stderr, /Option "--keep" (has no effect with|needs "--method ldm" alone)/);
    }
  });
  const free = () => Promise.resolve(40_000);
  assertEquals(await requireRoom("out", 12_345, 3, free), "12.3 KB a phrase, 37 KB for 3 phrases");
  await assertRejects(
    () => requireRoom("out", 12_345, 4, free),
    Error,
    'Cannot keep attention in "out": it takes 12.3 KB a phrase, 49.4 KB for 4 phrases, but the ' +
      "disk has 40 KB free; choose another --out, run in shards, or leave out --keep",
  );
  const unknown = () => Promise.reject(new Deno.errors.NotCapable("no sys access"));
  assertMatch(await requireRoom("out", 2e9, 1e6, unknown), /^2 GB a phrase, 2000000 GB for/);
});
