import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { decode, type Image } from "imagescript";
import { inFolder, runCommand } from "./support/command.ts";
import { assertSameFiles, makeSet } from "./support/set.ts";

const ROOT = new URL("../", import.meta.url).href;

/** A module with a method: a box on the left with its confidence, none for "edema", and a bad box. */
const LEFT = `
import { boxMethod, type MethodRow } from "${ROOT}mod.ts";

const row: MethodRow = {
  label: "Left half",
  gives: "boxes",
  source: undefined,
  flags: {},
  choose: () =>
    Promise.resolve({
      facts: {},
      source: {},
      open: () =>
        Promise.resolve(boxMethod({
          ground: ({ width, height }, phrases) =>
            Promise.resolve(phrases.map((phrase) =>
              phrase === "edema" ? { boxes: [], notes: ["the answer has no box"] } : {
                boxes: [[phrase === "nan" ? NaN : 10.25, 20, width / 2, height - 40]],
                confidence: [0.625],
                details: { tokens: [1, 2] },
              }
            )),
        })),
    }),
};
export default row;
`;

/** Colour of predicted boxes in pictures. */
const BLUE = [64, 224, 255];

Deno.test("a method's boxes go through eval, merge, rescore, figures, report and ground", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 3);
    await Deno.writeTextFile(`${folder}/left.ts`, LEFT);
    const succeed = async (command: string, args: readonly string[], code = 0) => {
      const result = await runCommand(command, args, folder);
      assertEquals(result.code, code, result.stderr);
      return result.stdout;
    };
    const method = ["--method", "./left.ts", "--dataset", "set"];
    const table = await succeed("eval", [...method, "--out", "whole"], 3); // an image is corrupt
    assertMatch(table, /mIoU % .*\d/);
    const lines = (await Deno.readTextFile(`${folder}/whole/results.jsonl`)).trim().split("\n");
    const scored = lines.map((line) => JSON.parse(line)).filter(({ predicted }) => predicted);
    assert(scored.length > 1);
    for (const { predicted, confidence, details, miou } of scored) {
      assertEquals([predicted[0].slice(0, 2), confidence, details], [
        [10.25, 20],
        [0.625],
        { tokens: [1, 2] },
      ]);
      assert(miou > 0 && miou < 1);
    }
    for (const shard of ["1/2", "2/2"]) {
      const own = [...method, "--shard", shard, "--out", `part${shard[0]}`];
      assert([0, 3].includes((await runCommand("eval", own, folder)).code));
    }
    const files = ["results.jsonl", "table.md"];
    await succeed("merge", ["part1", "part2", "--out", "merged"], 3);
    await assertSameFiles(`${folder}/whole`, `${folder}/merged`, files);
    await succeed("rescore", ["whole", "--out", "again"], 3);
    await assertSameFiles(`${folder}/whole`, `${folder}/again`, files);

    await succeed("figures", ["whole", "--count", "2", "--out", "figures"]);
    const drawn = [...Deno.readDirSync(`${folder}/figures`)].map(({ name }) => name);
    assert(!drawn.includes("roc.svg") && drawn.includes("distribution-miou.svg"));
    const best = await Deno.readTextFile(`${folder}/figures/best.svg`);
    assertEquals(best.match(/stroke="rgb\(64,224,255\)"/g)?.length, 2);
    assertMatch(best, />0\.63<\/text>/);
    const page = await Deno.readTextFile(`${folder}/whole/report.html`);
    assertMatch(page, /"predicted":\[\[10\.25,20,/);
    assertMatch(page, /"found":\["\[10\.3, 20\.0, .*\], confidence 0\.63"\]/);
    assert(!page.includes('data-missing="heatmap'));

    const image = new URL("../docs/phantom.jpg", import.meta.url).pathname;
    const ground = ["--method", "./left.ts", "--image", image, "--phrase", "haze"];
    const three = [...ground, "--phrase", "edema", "--phrase", "nan", "--out", "out"];
    const { code, stdout: said, stderr } = await runCommand("ground", three, folder);
    assertEquals(code, 3);
    assertMatch(
      stderr,
      /^error: Cannot read the boxes of "nan": expected finite numbers, got NaN$/m,
    );
    assertMatch(said, /^haze: box \[10\.3, 20\.0, .*\], confidence 0\.63; out\/1-haze\n/);
    assertMatch(
      said,
      /\nedema: nothing found: the model names no box; .*\n {2}note: the answer has/,
    );
    const names = [...Deno.readDirSync(`${folder}/out/1-haze`)].map(({ name }) => name).sort();
    assertEquals(names, ["overlay.png", "result.json"]);
    const read = async (path: string) => JSON.parse(await Deno.readTextFile(`${folder}/${path}`));
    const { phrase, boxes, confidence, details, width } = await read("out/1-haze/result.json");
    assertEquals([phrase, confidence, details], ["haze", [0.625], { tokens: [1, 2] }]);
    assertEquals((await read("out/2-edema/result.json")).boxes, []);
    const picture = await decode(await Deno.readFile(`${folder}/out/1-haze/overlay.png`)) as Image;
    const scale = picture.width / width;
    const [x, y] = [boxes[0][0] + 50, boxes[0][1]].map((edge) => Math.round(edge * scale));
    const at = 4 * (y! * picture.width + x!);
    assertEquals([...picture.bitmap.subarray(at, at + 3)], BLUE);
    // Results of boxes are results that --overwrite removes.
    await succeed("ground", [...ground, "--overwrite", "--out", "out"]);
    assertEquals([...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort(), names);
  }));
