import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { inFolder, runCommand } from "./support/command.ts";

const CASE = new URL("../../shared/reference/omnifm_landscape", import.meta.url).pathname;

Deno.test("OmniFM-DR goes through eval and ground, with its options and hypotheses", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/set`);
    await Deno.copyFile(`${CASE}/image.png`, `${folder}/set/a.png`);
    // The box of the best answer to the first phrase, in whole pixels.
    const rows = ["image,phrase,x,y,w,h", "a.png,Pneumothorax,24,16,82,62"];
    await Deno.writeTextFile(`${folder}/set/rows.csv`, rows.join("\n"));
    const own = ["--method", "omnifm-dr", "--model", CASE, "--runtime", "native"];
    const evaluated = async (...options: string[]) => {
      const out = `run${options.join("")}`;
      const result = await runCommand("eval", [
        ...[...own, "--dataset", "set/rows.csv", "--out", out, ...options],
      ], folder);
      assertEquals(result.code, 0, result.stderr);
      const line = (await Deno.readTextFile(`${folder}/${out}/results.jsonl`)).trim();
      return { ...result, line: JSON.parse(line) };
    };
    const expected = JSON.parse(await Deno.readTextFile(`${CASE}/expected.json`));
    const { line, stdout } = await evaluated("--answer-boxes", "first");
    const [demo, training] = expected.prompts[1].generations;
    const tokensOf = ({ hypotheses }: { hypotheses: { tokens: number[] }[] }) =>
      hypotheses.map(({ tokens }) => tokens);
    assertEquals(tokensOf(line.details), tokensOf(demo));
    assert(line.miou > 0.9, `${line.miou}`);
    assertMatch(stdout, /OmniFM-DR/);
    const all = await evaluated();
    assertEquals([line.predicted.length, all.line.predicted.length], [1, 2]);
    // An answer without four coordinates is a result, which counts as no box.
    const empty = await evaluated("--decoding", "training", "--answer-boxes", "first");
    assertEquals(tokensOf(empty.line.details), tokensOf(training));
    assertEquals([empty.line.miou, empty.line.predicted], [0, []]);
    assertMatch(empty.line.notes.join(), /the answer ".*<bin_113>" has no box/);

    const prompt = "Give the accurate bbox of {phrase}.";
    const ground = await runCommand("ground", [
      ...[...own, "--image", "set/a.png", "--phrase", "pleural effusion", "--out", "out"],
      ...["--prompt", prompt, "--prompt-style", "training"],
    ], folder);
    assertEquals(ground.code, 0, ground.stderr);
    const { details, boxes } = JSON.parse(await Deno.readTextFile(`${folder}/out/result.json`));
    assertEquals(tokensOf(details), tokensOf(expected.prompts[0].generations[0]));
    assertEquals(boxes, details.hypotheses[0].boxes);
    const fixed = await runCommand("ground", [
      ...[...own, "--image", "set/a.png", "--phrase", "x", "--out", "fixed", "--prompt", "edema"],
    ], folder);
    assertStringIncludes(fixed.stderr, 'The prompt "edema" has no {phrase}');
  }));
