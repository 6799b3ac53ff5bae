import "../base/host/deno/mod.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { readResults } from "../runs/read_results.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { makeSet } from "./support/set.ts";

const ROOT = new URL("../", import.meta.url).href;

/** A module with a method: the same Gaussian in the centre for every image and phrase. */
const TOY = `
import { gridMethod, type MethodRow } from "${ROOT}mod.ts";

const SIDE = 16;
const values = Float32Array.from({ length: SIDE * SIDE }, (_, i) => {
  const [x, y] = [i % SIDE - 7.5, Math.floor(i / SIDE) - 7.5];
  return Math.exp(-(x * x + y * y) / 32);
});

const row: MethodRow = {
  label: "Centre Gaussian",
  gives: "heatmaps",
  source: undefined,
  flags: {},
  choose: () => {
    const view = { crop: 1, resized: 1 };
    return Promise.resolve({
      facts: { view },
      source: {},
      open: () =>
        Promise.resolve(gridMethod({
          view,
          ground: (_, phrases) => {
            if (phrases.some((phrase) => phrase.includes("bug"))) undefined!.length;
            return Promise.resolve(phrases.map(() => ({ values, side: SIDE })));
          },
        })),
    });
  },
};
export default row;
`;

Deno.test("a method is a module: eval, ground, report and merge take it from outside", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 3);
    await Deno.mkdir(`${folder}/my`);
    await Deno.writeTextFile(`${folder}/my/toy.ts`, TOY);
    const method = ["--method", "my/toy.ts", "--dataset", "set"];
    const whole = await runCommand("eval", [...method, "--out", "whole"], folder);
    assertEquals(whole.code, 3, whole.stderr); // one image of the set is corrupt
    assertMatch(whole.stdout, /Centre Gaussian/);
    const record = JSON.parse(await Deno.readTextFile(`${folder}/whole/run.json`));
    assertEquals(record.facts.method, "toy");
    assertMatch(record.facts.methods.toy.module.sha256, /^[0-9a-f]{64}$/);
    const scored = [];
    for await (const { result } of readResults(`${folder}/whole/results.jsonl`)) {
      if (result.status === "scored") scored.push(result.miou);
    }
    assertEquals(scored.length > 1 && scored.every((miou) => miou > 0 && miou < 1), true);

    for (const shard of ["1/2", "2/2"]) {
      await runCommand(
        "eval",
        [...method, "--shard", shard, "--out", `part${shard[0]}`],
        folder,
      );
    }
    const merged = await runCommand("merge", ["part1", "part2", "--out", "merged"], folder);
    assertEquals(merged.code, 3, merged.stderr);
    for (const name of ["results.jsonl", "heatmaps.bin", "table.md"]) {
      const read = (run: string) => Deno.readFile(`${folder}/${run}/${name}`);
      assertEquals(await read("merged"), await read("whole"), name);
    }
    const rescored = await runCommand("rescore", ["whole", "--out", "again"], folder);
    assertEquals(rescored.code, 3, rescored.stderr);
    const report = await runCommand("report", ["whole", "--out", "report.html"], folder);
    assertEquals(report.code, 0, report.stderr);

    const image = new URL("../docs/phantom.jpg", import.meta.url).pathname;
    const ground = ["--method", "my/toy.ts", "--image", image, "--phrase", "haze"];
    const one = await runCommand("ground", [...ground, "--out", "one"], folder);
    assertEquals([one.code, one.stdout], [0, "haze: whole heatmap; one\n"], one.stderr);
    const { method: name } = JSON.parse(await Deno.readTextFile(`${folder}/one/result.json`));
    assertEquals(name, "toy");

    await Deno.writeTextFile(`${folder}/my/none.ts`, "export default { label: 3 };\n");
    const none = await runCommand("eval", ["--method", "my/none.ts", "--out", "none"], folder);
    assertEquals(none.code, 1);
    assertMatch(none.stderr, /"my\/none\.ts": expected a default export with label, gives and/);
  }));
