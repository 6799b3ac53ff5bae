import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { inFolder, runCommand } from "./support/command.ts";

const REFERENCE = new URL("../../shared/reference/medrpg_portrait", import.meta.url).pathname;

const TRAINED = "MedRPG was trained on part of MS-CXR, so its scores there are too high";

Deno.test("MedRPG stands in a table beside boxes from a file, and ground draws its box", () =>
  inFolder(async (folder) => {
    const { phrases } = JSON.parse(await Deno.readTextFile(`${REFERENCE}/expected.json`));
    const [{ phrase, box }] = phrases;
    const [x0, y0, x1, y1] = box.image_pixels;
    await Deno.mkdir(`${folder}/set`);
    await Deno.copyFile(`${REFERENCE}/image.png`, `${folder}/set/a.png`);
    const truth = [x0, y0, x1 - x0, y1 - y0].map(Math.round).join();
    const rows = [
      "image,phrase,x,y,w,h",
      `a.png,${phrase},${truth}`,
      `a.png,${phrase},150,300,9,9`,
    ];
    await Deno.writeTextFile(
      `${folder}/set/rows.csv`,
      [...rows, "a.png,\u200b,1,1,9,9"].join("\n"),
    );
    await Deno.writeTextFile(`${folder}/p.csv`, rows.slice(0, 2).join("\n"));
    const model = ["--model", REFERENCE];
    const both = ["--method", "medrpg,boxes", "--predictions", "p.csv", "--box-rule", "paper"];
    const { code, stdout, stderr } = await runCommand("eval", [
      ...[...both, ...model, "--dataset", "set/rows.csv", "--out", "run"],
    ], folder);
    assertEquals(code, 3, stderr);
    assertMatch(stderr, /failed: .*: Cannot read phrase .*: it comes to no token/);
    assertStringIncludes(stdout.replaceAll(/\s+/g, " "), TRAINED);
    assertStringIncludes(stderr, TRAINED);
    const lines = (await Deno.readTextFile(`${folder}/run/results.jsonl`)).trim().split("\n");
    const scores = lines.map((line) => JSON.parse(line))
      .filter(({ status }) => status === "scored")
      .map(({ setting, miou }) => [setting, miou] as const);
    // The paper's rule counts the best of the boxes for MedRPG alone.
    const [[first, best], [second, union]] = scores as [[string, number], [string, number]];
    assertEquals([first, second], ["medrpg", "boxes"]);
    assert(best > 0.98 && union < best, `${best}, ${union}`);
    const table = await Deno.readTextFile(`${folder}/run/table.md`);
    assertMatch(table, /Boxes of MedRPG are scored .* of which the highest counts\./);

    // The random samples show both methods, with an empty place for the phrase without a token.
    const drawn = await runCommand("figures", ["run", "--out", "figures"], folder);
    assertEquals(drawn.code, 0, drawn.stderr);
    const random = await Deno.readTextFile(`${folder}/figures/random.svg`);
    const places = [...random.matchAll(/<g transform="translate\((\d+) (\d+)\)">/g)];
    const [[, left, top], [, right]] = places as unknown as [string[], string[]];
    assertEquals(places.map(([, x]) => x), [left, right, right]);
    assert(places[1]![2] === top && places[2]![2] !== top && left !== right);
    for (const label of ["MedRPG", "Predicted boxes"]) assert(random.includes(`>${label}</text>`));

    const ground = ["--method", "medrpg", ...model, "--image", "set/a.png", "--phrase", phrase];
    const shown = await runCommand("ground", [...ground, "--out", "out"], folder);
    assertEquals(shown.code, 0, shown.stderr);
    const read = async (path: string) => JSON.parse(await Deno.readTextFile(`${folder}/${path}`));
    const { boxes: [found], notes, method } = await read("out/result.json");
    assertEquals([method, notes.at(-1)], ["medrpg", TRAINED]);
    [x0, y0, x1 - x0, y1 - y0].forEach((edge, i) => assert(Math.abs(found[i] - edge) < 0.01));
    // A phrase without a token does not stop the phrases after it.
    const phraseOf = (text: string) => ["--phrase", text];
    const some = [...ground.slice(0, -2), ...phraseOf("\u200b"), ...phraseOf(phrase)];
    const partial = await runCommand("ground", [...some, "--out", "some"], folder);
    const sentence = 'error: Cannot read phrase "\\u200b": it comes to no token\n';
    assertEquals(partial.code, 3, partial.stderr);
    assertStringIncludes(partial.stderr, sentence);
    const [other, ...none] = [...Deno.readDirSync(`${folder}/some`)].map(({ name }) => name);
    assertEquals([(await read(`some/${other}/result.json`)).boxes, none], [[found], []]);
    const one = [...ground.slice(0, -2), ...phraseOf("\u200b"), "--out", "one"];
    const single = await runCommand("ground", one, folder);
    assertEquals([single.code, single.stderr.endsWith(sentence)], [1, true], single.stderr);
    const paper = await runCommand(
      "ground",
      [...ground, "--paper-loader", "--out", "paper"],
      folder,
    );
    assertEquals(paper.code, 0, paper.stderr);
    const deviating = await read("paper/result.json");
    assert(deviating.boxes[0].some((edge: number, i: number) => Math.abs(edge - found[i]) > 1));
    assertMatch(deviating.notes.at(-1), /rows and columns swapped/);
  }));
