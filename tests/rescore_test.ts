import "../base/host/deno/mod.ts";
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { PROTOCOLS } from "../scoring/protocols.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { copy } from "./support/copy.ts";
import { testGpu } from "./support/gpu.ts";
import { assertSameFiles, makeSet } from "./support/set.ts";

const QUICK = ["--dataset", "set", "--steps", "10", "--noise", "sample"];

const FILES = ["results.jsonl", "heatmaps.bin", "run.json"];

/** Every protocol but the last; the option is given twice. */
const SOME = ["--protocol", "paper,biovil,per-box", "--protocol", "pointing-game"];

Deno.test("rescore comes to the bytes of eval, as the run was and with every choice made anew", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 5);
    const evaluate = (...args: string[]) =>
      runCommand("eval", [...QUICK, "--device", "cpu", ...args], folder);
    const again = (...args: string[]) => runCommand("rescore", args, folder);
    const first = await evaluate("--out", "first");
    assertEquals(first.code, 3, first.stderr);
    // Rescoring needs neither the images nor the model.
    await Deno.rename(`${folder}/set`, `${folder}/away`);
    const same = await again("first", "--out", "same");
    assertEquals(same.code, 3, same.stderr);
    await Deno.rename(`${folder}/away`, `${folder}/set`);
    const tables = ["table.md", "table.tex", "table.csv"];
    await assertSameFiles(`${folder}/first`, `${folder}/same`, [...FILES, ...tables]);
    const table = (text: string) => text.slice(0, text.indexOf("Results:"));
    assertEquals(table(same.stdout), table(first.stdout));

    const other = ["--sigma", "20", "--no-otsu", "--margin", "zero", ...SOME];
    await evaluate(...other, "--out", "other");
    const changed = await again("first", ...other, "--out", "changed");
    assertEquals(changed.code, 3, changed.stderr);
    const protocols = ["protocols.md", "protocols.tex", "protocols.csv"];
    const files = [...FILES, ...tables, ...protocols];
    await assertSameFiles(`${folder}/other`, `${folder}/changed`, files);
    // A rescored run can be rescored back to the original results.
    const back = ["--sigma", "2.5", "--otsu", "--margin", "excluded", "--protocol", "paper"];
    await again("changed", ...back, "--out", "back");
    await assertSameFiles(`${folder}/first`, `${folder}/back`, [...FILES, ...tables]);
    const on = await evaluate(...other, "--out", "changed");
    assertEquals(table(on.stdout), table(changed.stdout));
  }));

Deno.test("rescore of several settings keeps each setting's Otsu, and refuses one for all", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 3);
    const settings = ["--setting", "mine:3-7:all:none", "--setting", "more:4:all:otsu"];
    const args = [...QUICK, "--device", "cpu", ...settings];
    await runCommand("eval", [...args, "--out", "first"], folder);
    await runCommand("eval", [...args, ...SOME, "--out", "more"], folder);
    const again = (...args: string[]) => runCommand("rescore", ["first", ...args], folder);
    const { code, stderr } = await again(...SOME, "--out", "again");
    assertEquals(code, 3, stderr);
    const files = [...FILES, "ablation.csv", "ablation.md", "protocols.csv"];
    await assertSameFiles(`${folder}/more`, `${folder}/again`, files);
    const refused = await again("--no-otsu", "--out", "refused");
    assertEquals(refused.code, 1);
    assertMatch(refused.stderr, /each of its 3 settings says for itself\n$/);
    const cases: [string[], RegExp][] = [
      [["--out", "first/"], /another folder than RESULTS/],
      [["--otsu", "--no-otsu", "--out", "x"], /exclude each other/],
      [["--protocol", "mine", "--out", "x"], /must be some of paper, per-box, .*, got "mine"/],
      [["second", "--out", "x"], /Expected one RESULTS, got "second" too/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await again(...args);
      assertEquals(code, 2, stderr);
      assertMatch(stderr, message);
    }
    // A truncated heatmap file must not give results without heatmaps.
    await copy(`${folder}/first`, `${folder}/cut`);
    await Deno.truncate(`${folder}/cut/heatmaps.bin`, 100);
    const cut = await runCommand("rescore", ["cut", "--out", "y"], folder);
    assertEquals(cut.code, 1);
    assertMatch(cut.stderr, /error: Cannot read "cut\/heatmaps\.bin": expected a whole record/);
  }));

Deno.test("rescore of heatmaps of the GPU differs no more than GPU and CPU do", async () => {
  await testGpu();
  await inFolder(async (folder) => {
    await makeSet(folder, 3);
    const protocols = ["--protocol", Object.keys(PROTOCOLS).join(",")];
    const args = [...QUICK, ...protocols, "--device", "gpu", "--runtime", "native"];
    const { code, stderr } = await runCommand("eval", [...args, "--out", "first"], folder);
    assertEquals(code, 3, stderr);
    await runCommand("rescore", ["first", "--out", "again"], folder);
    const read = async (name: string) =>
      (await Deno.readTextFile(`${folder}/${name}/results.jsonl`)).trim().split("\n")
        .map((line) => JSON.parse(line));
    const [first, again] = [await read("first"), await read("again")];
    const numbers = (value: unknown): number[] =>
      typeof value === "number"
        ? [value]
        : typeof value === "object" && value
        ? Object.values(value).flatMap(numbers)
        : [];
    let count = 0;
    for (const [i, { threshold, ...result }] of first.entries()) {
      const { threshold: other, ...same } = again[i];
      assertEquals(same.status, result.status);
      if (result.status !== "scored") continue;
      count++;
      assertAlmostEquals(threshold, other, 1.001 / 256);
      const [a, b] = [numbers(result), numbers(same)];
      a.forEach((value, j) => assertAlmostEquals(value, b[j]!, 2e-4));
    }
    assert(count > 3);
  });
});
