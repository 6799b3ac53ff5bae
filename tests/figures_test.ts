import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseHTML } from "linkedom";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import { decodeImage } from "../pipeline/decode.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { writeGray } from "./support/image.ts";

const CURVES = [
  ...["roc.svg", "pr.svg", "iou.svg"],
  ...["abs_cnr", "cnr", "miou", "auc_roc"].map((score) => `distribution-${score}.svg`),
];
const SHEETS = ["best.svg", "worst.svg", "random.svg"];

/** The fields of a result line that these tests need. */
interface Result {
  readonly id: string;
  readonly image: string;
  phrase: string;
  readonly category: string;
  readonly boxes: readonly (readonly number[])[];
  readonly absCnr: number;
  readonly miou: number;
}

/** A panel of a sheet, read from its SVG. */
interface Panel {
  readonly phrase: string;
  readonly lines: readonly string[];
  readonly boxes: readonly (readonly number[])[];
  readonly size: readonly number[];
  readonly png: Uint8Array;
}

/** The part of a document node that these tests use. */
interface Node {
  readonly textContent: string;
  querySelector(selector: string): Node | null;
  querySelectorAll(selector: string): Iterable<Node>;
  getAttribute(name: string): string | null;
}

async function evaluate(folder: string): Promise<Result[]> {
  await writePhantomSet(`${folder}/set`, { seed: 6, images: 6 });
  const quick = ["--steps", "10", "--noise", "sample", "--device", "cpu"];
  const { code, stderr } = await runCommand(
    "eval",
    ["--dataset", "set", ...quick, "--out", "run"],
    folder,
  );
  assertEquals(code, 0, stderr);
  const text = await Deno.readTextFile(`${folder}/run/results.jsonl`);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

async function readPanels(path: string): Promise<Panel[]> {
  // The compiler has no types for a browser's document here.
  const { document } = parseHTML(await Deno.readTextFile(path)) as unknown as { document: Node };
  return [...document.querySelectorAll("svg > g")].map((panel): Panel => {
    const numbers = (node: Node, ...names: string[]) =>
      names.map((name) => Number(node.getAttribute(name)));
    const href = panel.querySelector("image")!.getAttribute("href")!;
    return {
      phrase: panel.querySelector("title")!.textContent,
      lines: [...panel.querySelectorAll("text")].map(({ textContent }) => textContent),
      boxes: [...panel.querySelectorAll('rect[stroke="#00e640"]')]
        .map((node) => numbers(node, "x", "y", "width", "height")),
      size: numbers(panel.querySelector("svg")!, "width", "height"),
      png: Uint8Array.fromBase64(href.replace("data:image/png;base64,", "")),
    };
  });
}

/** Checks that a figure's PNG has the SVG's size times 1.5, and that its heading is drawn. */
async function assertDrawn(path: string): Promise<void> {
  const svg = await Deno.readTextFile(path);
  const [width, height] = ["width", "height"].map((name) =>
    Number(new RegExp(`^<svg[^>]* ${name}="(\\d+)"`).exec(svg)![1])
  );
  const png = await decodeImage(path.replace("svg", "png"));
  assertEquals([png.width, png.height], [Math.round(1.5 * width!), Math.round(1.5 * height!)]);
  const top = png.data.subarray(0, 60 * png.width);
  assert(top.filter((value) => value < 80).length > 200, path);
}

Deno.test("figures shows each sample's phrase, scores and boxes, the same each time", () =>
  inFolder(async (folder) => {
    const results = await evaluate(folder);
    const draw = (...args: string[]) =>
      runCommand("figures", ["run", ...args, "--progress", "quiet"], folder);
    const { code, stdout, stderr } = await draw("--count", "3", "--out", "one/figures");
    assertEquals([code, stderr], [0, ""]);
    const classes = [...new Set(results.map(({ category }) => category))];
    const galleries = classes.map((name) => `gallery-${name.toLowerCase().replace(" ", "-")}.svg`);
    const names = [...Deno.readDirSync(`${folder}/one/figures`)].map(({ name }) => name).sort();
    const svgs = [...CURVES, ...SHEETS, ...galleries];
    assertEquals(names, svgs.flatMap((name) => [name, name.replace("svg", "png")]).sort());
    for (const name of svgs) assert(stdout.includes(`one/figures/${name}`));

    const ranked = results.toSorted((a, b) => b.miou - a.miou);
    for (const [name, expected] of [["best", ranked], ["worst", ranked.toReversed()]] as const) {
      const panels = await readPanels(`${folder}/one/figures/${name}.svg`);
      assertEquals(panels.length, 3);
      for (const [i, { phrase, lines, boxes, size, png }] of panels.entries()) {
        const { id, image, category, absCnr, miou, ...result } = expected[i]!;
        assertEquals(phrase, result.phrase);
        assertEquals(lines[0], `|CNR| ${absCnr.toFixed(2)} · mIoU ${(100 * miou).toFixed(1)} %`);
        assertEquals(lines.slice(1, -1).join(" "), phrase);
        assertEquals(lines.at(-1), `${category} · ${id}`);
        const { width, height } = await decodeImage(`${folder}/${image}`);
        const scale = 260 / Math.max(width, height);
        const round = (value: number) => Number((scale * value).toFixed(2));
        assertEquals(boxes, result.boxes.map((box) => box.map(round)));
        assertEquals(size, [round(width), round(height)]);
        const picture = await decodeImage(png);
        assertEquals(Math.max(picture.width, picture.height), 390);
      }
    }
    for (const name of svgs) await assertDrawn(`${folder}/one/figures/${name}`);
    const roc = await Deno.readTextFile(`${folder}/one/figures/roc.svg`);
    for (const name of classes) assertMatch(roc, new RegExp(`>${name} [01]\\.\\d{3}<`));

    await draw("--count", "3", "--out", "two");
    const read = (path: string) => Deno.readTextFile(`${folder}/${path}`);
    for (const name of names) {
      assert(await read(`two/${name}`) === await read(`one/figures/${name}`), name);
    }
    await draw("--count", "3", "--seed", "5", "--out", "two");
    assert(await read("two/random.svg") !== await read("one/figures/random.svg"));
    assert(await read("two/best.svg") === await read("one/figures/best.svg"));
  }));

Deno.test("figures leaves out an image that is not there or not the same, and says so", () =>
  inFolder(async (folder) => {
    const results = await evaluate(folder);
    const images = [...new Set(results.map(({ image }) => image))];
    await Deno.remove(`${folder}/${images[0]}`);
    const small = { data: new Uint8Array(64), width: 8, height: 8 };
    await writeGray(`${folder}/${images[1]}`, small);
    // A phrase must be shown as text, whatever its characters.
    const odd = results.find(({ image }) => image === images[2])!;
    odd.phrase = 'a <b>&"\u0001 ' + "very long ".repeat(30);
    const lines = results.map((result) => JSON.stringify(result) + "\n");
    await Deno.writeTextFile(`${folder}/run/results.jsonl`, lines.join(""));
    const { code, stderr } = await runCommand("figures", [
      ...["run", "--out", "out", "--progress", "quiet"],
    ], folder);
    assertEquals(code, 0, stderr);
    const left = results.filter(({ image }) => images.indexOf(image) < 2);
    const notices = stderr.trim().split("\n");
    assertEquals(notices.length, left.length);
    for (const { id, image } of left) {
      const reason = image === images[0] ? `.*${image}` : ".*has 8x8 pixels, and had \\d+x\\d+";
      assert(
        notices.some((line) => new RegExp(`^No panel of "${id}": ${reason}`).test(line)),
        stderr,
      );
    }
    const panels = await readPanels(`${folder}/out/random.svg`);
    assertEquals(panels.length, Math.min(12, results.length) - left.length);
    const panel = panels.find(({ phrase }) => phrase.startsWith("a <b>"))!;
    assertEquals(panel.phrase, odd.phrase.replace("\u0001", "\\u0001"));
    assertEquals(panel.lines.length, 5);
    assertMatch(panel.lines[3]!, / …$/);
  }));

Deno.test("figures refuses a folder without a run, an unknown setting, and results without boxes", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/empty`);
    const [first] = await evaluate(folder);
    const draw = (...args: string[]) => runCommand("figures", args, folder);
    const cases: [string[], number, RegExp][] = [
      [["empty", "--out", "x"], 1, /Cannot read "empty": expected the folder of a run/],
      [
        ["run", "--setting", "all", "--out", "x"],
        1,
        /Cannot draw setting "all" of "run": expected/,
      ],
      [["run", "more", "--out", "x"], 2, /Expected one RESULTS, got "more" too/],
      [["run"], 2, /--out/],
    ];
    for (const [args, expected, message] of cases) {
      const { code, stderr } = await draw(...args);
      assertEquals(code, expected, stderr);
      assertMatch(stderr, message);
    }
    const broken = JSON.stringify({ ...first, boxes: [1] }) + "\n";
    await Deno.writeTextFile(`${folder}/run/results.jsonl`, broken);
    const { code, stderr } = await draw("run", "--out", "x");
    assertEquals(code, 1);
    assertMatch(stderr, /Cannot draw ".*" of "run": expected boxes of four numbers each/);
  }));
