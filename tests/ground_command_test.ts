import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decode } from "imagescript";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { commandArguments, inFolder, runCommand } from "./support/command.ts";
import { writeGray } from "./support/image.ts";

function writeXray(path: string): Promise<void> {
  return writeGray(path, drawPhantom({ seed: 2, width: 200, height: 260 }));
}

Deno.test("ground draws an X-ray where the user has none", () =>
  inFolder(async (folder) => {
    const { code, stdout, stderr } = await runCommand("ground", [
      ...["--image", "phantom:3", "--phrase", "effusion", "--noise", "sample", "--steps", "10"],
      ...["--out", "out"],
    ], folder);
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /^effusion: mask within/);
    for (const { phrase } of drawPhantom({ seed: 3 }).findings) {
      assertStringIncludes(stderr, phrase);
    }
    const { image } = JSON.parse(await Deno.readTextFile(`${folder}/out/result.json`));
    assertEquals(image, "phantom:3");
  }));

Deno.test("ground announces the time of a long run once, before the run", () =>
  inFolder(async (folder) => {
    await writeXray(`${folder}/xray.png`);
    const root = new URL("../", import.meta.url);
    await Deno.writeTextFile(
      `${folder}/slow.ts`,
      `import { gridMethod } from "${root}methods/grid_method.ts";
      const view = { crop: 480, resized: 512 };
      const grid = { values: new Float32Array([0, 1, 0, 0]), side: 2 };
      const model = { view, ground: (_, phrases) => Promise.resolve(phrases.map(() => grid)) };
      const expect = (images, phrases) =>
        Promise.resolve({ seconds: 3600 * images + phrases, pass: 2, faster: [] });
      const open = () => Promise.resolve({ ...gridMethod(model), expect });
      const choose = () => Promise.resolve({ facts: {}, source: {}, open });
      export default { label: "Slow", gives: "heatmaps", source: undefined, flags: {}, choose };`,
    );
    const { code, stderr } = await runCommand("ground", [
      ...["--image", "xray.png", "--image", "xray.png", "--phrase", "a", "--phrase", "b"],
      ...["--method", "./slow.ts", "--out", "out"],
    ], folder);
    assertEquals(code, 0, stderr);
    assertMatch(
      stderr,
      /^This run takes up to 1 h 00 min here: one pass of the network takes 2\.0 s\.\n2\/2/,
    );
  }));

Deno.test("ground writes heatmap, overlay and result for a phrase", () =>
  inFolder(async (folder) => {
    await writeXray(`${folder}/xray.png`);
    const { code, stderr } = await runCommand("ground", [
      ...["--image", "xray.png", "--phrase", "left pleural effusion"],
      ...["--steps", "20", "--out", "out"],
    ], folder);
    assertEquals(code, 0, stderr);
    const names = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort();
    assertEquals(names, ["heatmap.npy", "overlay.png", "result.json"]);

    const npy = await Deno.readFile(`${folder}/out/heatmap.npy`);
    const header = new TextDecoder().decode(npy.subarray(10, 128));
    assertMatch(header, /'descr': '<f4', 'fortran_order': False, 'shape': \(128, 128\)/);
    const heatmap = new Float32Array(npy.slice(128).buffer);
    assertEquals(heatmap.length, 128 * 128);
    assertEquals(heatmap.reduce((a, b) => Math.max(a, b)), 1);

    const result = JSON.parse(await Deno.readTextFile(`${folder}/out/result.json`));
    assertEquals(result.phrase, "left pleural effusion");
    const [x, y, width, height] = result.box;
    assert(x >= 0 && y >= 30 && x + width <= 200 && y + height <= 230, `${result.box}`);
    assert(heatmap.every((value) => value === 0 || value > result.threshold));
    assertEquals(result.settings.steps, 20);
    // web/page/exports_test.ts has the same list.
    assertEquals(Object.keys(result), [
      ...["phrase", "width", "height", "threshold", "box", "crop", "heatmapSize"],
      ...["notes", "image", "settings", "model", "versions"],
    ]);
    assertEquals(Object.keys(result.settings).sort(), [
      ...["end", "layers", "noise", "otsu", "seed", "select", "sigma", "start", "steps"],
      ...["timesteps", "tokens", "weights"],
    ]);
    const { start, end, select } = result.settings;
    assertEquals(select, [start, end]);
    assertMatch(result.notes[0], /knows synthetic phantoms only/);

    const overlay = await decode(await Deno.readFile(`${folder}/out/overlay.png`));
    // Small X-rays are enlarged to about 512 pixels, with the caption below.
    assertEquals(overlay.width, 394);
    assert(overlay.height > 600, `${overlay.height} pixels for X-ray and caption`);

    const again = (...args: string[]) =>
      runCommand("ground", [
        ...["--image", "xray.png", "--phrase", "x", "--noise", "sample", "--steps", "10"],
        ...args,
      ], folder);
    const refused = await again("--out", "out");
    assertEquals([refused.code, refused.stderr], [
      1,
      'error: Cannot write to "out": it already holds results; choose another --out, ' +
      "or --overwrite them\n",
    ]);
    assertEquals((await again("--overwrite")).code, 2);
    await Deno.writeTextFile(`${folder}/out/notes.txt`, "mine");
    assertEquals((await again("--phrase", "y", "--overwrite", "--out", "out")).code, 0);
    const after = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort();
    assertEquals(after, ["1-x", "2-y", "notes.txt"]);
  }));

Deno.test("ground --attention draws every layer by step for each phrase, and the heatmap is the same", () =>
  inFolder(async (folder) => {
    await writeXray(`${folder}/xray.png`);
    const common = ["--image", "xray.png", "--phrase", "haze", "--phrase", "a <b> nodule"];
    const ground = (...args: string[]) =>
      runCommand("ground", [...common, "--steps", "10", "--layers", "2,9", ...args], folder);
    assertEquals((await ground("--out", "plain")).code, 0);
    const grid = ["--attention", "all", "--attention-columns", "4"];
    const { code, stderr } = await ground(...grid, "--out", "out");
    assertEquals(code, 0, stderr);
    for (const name of ["1-haze", "2-a-b-nodule"]) {
      for (const file of ["heatmap.npy", "result.json"]) {
        const [one, other] = await Promise.all(
          ["plain", "out"].map((out) => Deno.readFile(`${folder}/${out}/${name}/${file}`)),
        );
        assertEquals(one, other, file);
      }
      const svg = await Deno.readTextFile(`${folder}/out/${name}/attention.svg`);
      const titles = [...svg.matchAll(/<title>(.*?)<\/title>/g)].map(([, title]) => title);
      // Titles: 11 layers and their mean, at 4 groups of steps and at the mean over steps.
      assertEquals(titles.length, 12 * 5);
      assertEquals(new Set(titles).size, titles.length);
      for (const title of ["layer 10, steps 8–9", "mean over layers, steps 0–2"]) {
        assert(titles.includes(title), titles.join("; "));
      }
      // The sheet marks two layers and a span of steps.
      assertEquals(svg.match(/fill="#d55e00"/g)!.length, 3);
      const [, width, height] = /^<svg[^>]* width="(\d+)" height="(\d+)"/.exec(svg)!.map(Number);
      const png = await decode(await Deno.readFile(`${folder}/out/${name}/attention.png`));
      assertEquals([png.width, png.height], [1.5 * width!, 1.5 * height!]);
    }
    const refused = await ground("--attention-columns", "4", "--out", "x");
    assertEquals(refused.code, 2);
    assertMatch(refused.stderr, /"--attention-columns" needs "--attention"/);
  }));

Deno.test("ground gives several phrases a folder each", () =>
  inFolder(async (folder) => {
    await writeXray(`${folder}/xray.png`);
    const { code, stdout } = await runCommand("ground", [
      ...["--image", "xray.png", "--phrase", "cardiomegaly", "--phrase", "Édème, bilateral"],
      ...["--steps", "10", "--no-otsu", "--runtime", "wasm", "--out", "out"],
    ], folder);
    assertEquals(code, 0);
    const note = 'the tokenizer reads "édème" letter by letter';
    assertStringIncludes(stdout, `\n  note: ${note}\n`);
    const noted = await Deno.readTextFile(`${folder}/out/2-e-de-me-bilateral/result.json`);
    assertEquals(JSON.parse(noted).notes[0], note);
    const names = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort();
    assertEquals(names, ["1-cardiomegaly", "2-e-de-me-bilateral"]);
    const json = await Deno.readTextFile(`${folder}/out/1-cardiomegaly/result.json`);
    const { threshold, box } = JSON.parse(json);
    assertEquals([threshold, box], [null, null]);
  }));

Deno.test("ground gives each image of a folder or pattern a folder, and goes on after a bad one", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/a`);
    await Deno.mkdir(`${folder}/b`);
    for (const path of ["a/two.png", "a/one.png", "b/x1.png", "b/y.png"]) {
      await writeXray(`${folder}/${path}`);
    }
    await Deno.writeTextFile(`${folder}/a/cut.png`, "not a picture");
    await Deno.writeTextFile(`${folder}/a/notes.txt`, "no image");
    const { code, stdout, stderr } = await runCommand("ground", [
      ...["--image", "a", "--image", "b/x*.png", "--phrase", "haze", "--phrase", "nodule"],
      ...["--noise", "sample", "--steps", "10", "--out", "out"],
    ], folder);
    assertEquals(code, 3, stderr);
    assertMatch(stderr, /\nerror: Cannot read image "a\/cut\.png": it is not a PNG, JPEG or DICOM/);
    const names = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort();
    assertEquals(names, ["2-one", "3-two", "4-x1"]);
    const result = await Deno.readTextFile(`${folder}/out/4-x1/2-nodule/result.json`);
    assertEquals(JSON.parse(result).image, "b/x1.png");
    assertEquals(stdout.trim().split("\n").length, 6);
  }));

Deno.test("ground names a fault and writes nothing", () =>
  inFolder(async (folder) => {
    await writeXray(`${folder}/xray.png`);
    await Deno.writeTextFile(`${folder}/text.png`, "not a picture");
    await Deno.mkdir(`${folder}/none`);
    const cut = (await Deno.readFile(`${folder}/xray.png`)).subarray(0, 5000);
    await Deno.writeFile(`${folder}/cut.png`, cut);
    const cases: [string[], number, RegExp][] = [
      [["--image", "no.png", "--phrase", "x"], 1, /"no\.png": there is no such file/],
      [["--image", "none", "--phrase", "x"], 1, /images from "none": it holds none/],
      [["--image", "*.dcm", "--phrase", "x"], 1, /"\*\.dcm": no file matches/],
      [["--image", "text.png", "--phrase", "x"], 1, /not a PNG, JPEG or DICOM/],
      [["--image", "cut.png", "--phrase", "x"], 1, /truncated or corrupt/],
      [["--image", "xray.png", "--phrase", ""], 2, /Phrase 1 is empty/],
      [["--image", "xray.png"], 2, /"--phrase" is needed/],
      [["--image", "xray.png", "--phrase", "x", "--layers", "40"], 1, /layer 40/],
      [["--image", "xray.png", "--phrase", "x", "--select", "40..60"], 1, /40\.\.60/],
    ];
    for (const [args, expected, message] of cases) {
      const { code, stderr } = await runCommand("ground", args, folder);
      assertEquals(code, expected, args.join(" "));
      assertMatch(stderr.trim(), message);
      assertEquals(stderr.trim().split("\n").length, 1, stderr);
    }
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(names, ["cut.png", "none", "text.png", "xray.png"]);
  }));

Deno.test("ground writes to a folder of its own, however many begin at once", () =>
  inFolder(async (folder) => {
    await writeXray(`${folder}/xray.png`);
    const run = (phrase: string) =>
      runCommand("ground", [
        ...["--image", "xray.png", "--phrase", phrase, "--noise", "sample", "--steps", "10"],
      ], folder);
    const phrases = ["haze", "effusion", "nodule"];
    const runs = await Promise.all(phrases.map(run));
    assertEquals(runs.map(({ code }) => code), [0, 0, 0], runs[0]!.stderr);
    const kept = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) =>
      JSON.parse(Deno.readTextFileSync(`${folder}/out/${name}/result.json`)).phrase
    );
    assertEquals(kept.sort(), phrases.toSorted());
  }));

Deno.test("ground finds out before its passes that it cannot write", () =>
  inFolder(async (folder) => {
    await writeXray(`${folder}/xray.png`);
    const { code, stderr } = await runCommand("ground", [
      ...["--image", "xray.png", "--phrase", "x", "--out", "xray.png"],
    ], folder);
    assertEquals(code, 1);
    assertEquals(
      stderr,
      'error: Cannot write to folder "xray.png": a file of this name is there\n',
    );
  }));

Deno.test({
  name: "ground writes each phrase as it comes, and Ctrl-C keeps what is done",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      await writeXray(`${folder}/xray.png`);
      const phrases = Array.from({ length: 200 }, (_, i) => ["--phrase", `nodule ${i}`]).flat();
      const child = new Deno.Command("deno", {
        args: commandArguments("ground", [
          ...["--image", "xray.png", ...phrases, "--noise", "sample", "--steps", "10"],
          ...["--device", "cpu", "--out", "out"],
        ]),
        ...{ cwd: folder, env: { NO_COLOR: "1", INIT_CWD: "" } },
        ...{ stdout: "piped", stderr: "piped" },
      }).spawn();
      const reader = child.stdout.getReader();
      await reader.read();
      child.kill("SIGINT");
      reader.releaseLock();
      const [{ code }, rest, stderr] = await Promise.all([
        child.status,
        child.stdout.cancel(),
        new Response(child.stderr).text(),
      ]);
      assertEquals([code, rest], [130, undefined], stderr);
      const [, done] = /\n(\d+) of 200 heatmaps are done; they are in out\n/.exec(stderr)!;
      const names = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name);
      assertEquals(names.length, Number(done));
      assert(names.length < 200);
      for (const name of names) {
        const files = [...Deno.readDirSync(`${folder}/out/${name}`)].map(({ name }) => name).sort();
        assertEquals(files, ["heatmap.npy", "overlay.png", "result.json"]);
        await decode(await Deno.readFile(`${folder}/out/${name}/overlay.png`));
      }
    }),
});

Deno.test("ground --help lists the options", () =>
  inFolder(async (folder) => {
    const { code, stdout } = await runCommand("ground", ["--help"], folder);
    assertEquals(code, 0);
    for (const option of ["--image FILE", "--phrase TEXT", "--no-otsu", "--layers", "--sigma"]) {
      assert(stdout.includes(option), option);
    }
    assert(stdout.split("\n").every((line) => line.length <= 100));
  }));
