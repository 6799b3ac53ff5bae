import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { openDataset } from "../datasets/open_dataset.ts";
import { METHODS } from "../methods/registry.ts";
import { readResults } from "../runs/read_results.ts";
import { Run as RunHeatmaps } from "../runs/run.ts";
import { decodeImage } from "../pipeline/decode.ts";
import { cropRegion } from "../images/preprocess.ts";
import { scoreHeatmap } from "../scoring/score_heatmap.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { fakeMethod } from "./support/fake_method.ts";
import { killEval } from "./support/kill.ts";
import { assertSameFiles, makeSet } from "./support/set.ts";

/** Replaces BioViL and BioViL-T by methods without a network. */
const FAKES = { fault: "fake_eval.ts" };

/** Message of a command about a bug in a method: a sentence, and the stack. */
const BUG =
  /error: Cannot finish stage "ground" of sample .*: this is a bug of Groundray \(TypeError: .*\n +at .*fake_method\.ts/s;

const CPU = ["--dataset", "set", "--device", "cpu"];

const QUICK = ["--noise", "sample", "--steps", "10"];

const THREE = [
  "--method",
  "ldm,biovil,biovil-t",
  "--model",
  "biovil=fake",
  "--model=biovil-t=fake",
];

const FILES = ["results.jsonl", "heatmaps.bin", "table.md", "table.tex", "table.csv"];

Deno.test("three methods stand in one table, killed, in shards and scored again", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 7);
    await Deno.mkdir(`${folder}/fake`); // no model, but the folder must exist
    const args = [...THREE, ...CPU, ...QUICK];
    const whole = await runCommand("eval", [...args, "--out", "whole"], folder, FAKES);
    assertEquals(whole.code, 3, whole.stderr);
    const names = whole.stdout.split("\n").filter((line) => /^[A-Z]/.test(line)).slice(0, 3);
    assertEquals(names, ["Ours (ldm)", "BioViL", "BioViL-T"]);
    assertMatch(whole.stdout, /BioViL sees the middle 480 of the 512 pixels/);

    // The table's rows must equal the rows of each method's own run.
    const csv = (path: string) => Deno.readTextFile(`${folder}/${path}/table.csv`);
    const rows = (text: string) => text.split("\r\n").slice(1, -1);
    const alone = ["--method", "biovil", "--model", "fake", ...CPU, "--out", "alone"];
    const one = await runCommand("eval", alone, folder, FAKES);
    assertEquals(one.code, 3, one.stderr);
    const all = rows(await csv("whole"));
    assertEquals(all.filter((row) => row.startsWith("BioViL,")), rows(await csv("alone")));
    await runCommand("eval", [...CPU, ...QUICK, "--out", "ldm"], folder);
    assertEquals(
      all.filter((row) => row.startsWith("Ours")).map((row) => row.replace(/^[^,]*,/, "")),
      rows(await csv("ldm")).map((row) => row.replace(/^[^,]*,/, "")),
    );

    for (const time of [20, 150]) {
      await killEval(folder, [...args, "--out", "killed"], time, FAKES);
    }
    const on = await runCommand("eval", [...args, "--out", "killed"], folder, FAKES);
    assertEquals(on.code, 3, on.stderr);
    await assertSameFiles(`${folder}/whole`, `${folder}/killed`, FILES);
    const again = [...args, "--retry-failed", "--out", "killed"];
    assertEquals((await runCommand("eval", again, folder, FAKES)).code, 3);
    await assertSameFiles(`${folder}/whole`, `${folder}/killed`, FILES);
    const other = args.map((arg) => arg === "ldm,biovil,biovil-t" ? "ldm,biovil-t,biovil" : arg);
    const refused = await runCommand("eval", [...other, "--out", "killed"], folder, FAKES);
    assertEquals(refused.code, 1);
    assertMatch(
      refused.stderr,
      /its run differs in method \("ldm,biovil,biovil-t", here "ldm,biovil-t,biovil"\);/,
    );

    for (const shard of ["1/2", "2/2"]) {
      const own = [...args, "--shard", shard, "--out", `shard${shard[0]}`];
      await runCommand("eval", own, folder, FAKES);
    }
    const merged = await runCommand("merge", ["shard2", "shard1", "--out", "merged"], folder);
    assertEquals(merged.code, 3, merged.stderr);
    await assertSameFiles(`${folder}/whole`, `${folder}/merged`, FILES);

    const same = await runCommand("rescore", ["whole", "--out", "same"], folder);
    assertEquals(same.code, 3, same.stderr);
    await assertSameFiles(`${folder}/whole`, `${folder}/same`, [...FILES, "run.json"]);
    const choice = ["--sigma", "9", "--margin", "zero", "--protocol", "biovil,pointing-game"];
    const changed = await runCommand("rescore", ["whole", ...choice, "--out", "new"], folder);
    assertEquals(changed.code, 3, changed.stderr);
    await runCommand("eval", [...args, ...choice, "--out", "other"], folder, FAKES);
    await assertSameFiles(`${folder}/other`, `${folder}/new`, [...FILES, "run.json"]);
    await assertSameFiles(`${folder}/other`, `${folder}/new`, ["protocols.md", "protocols.csv"]);

    const figures = ["whole", "--setting", "biovil-t", "--count", "2", "--out", "figures"];
    const drawn = await runCommand("figures", figures, folder);
    assertEquals(drawn.code, 0, drawn.stderr);
    assertMatch(await Deno.readTextFile(`${folder}/figures/best.svg`), /\(biovil-t\)/);
  }));

Deno.test("a baseline's heatmaps are its grids on its crop, and refused phrases fail", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 3);
    await Deno.mkdir(`${folder}/fake`); // no model, but the folder must exist
    const lines = ["image,phrase,x,y,w,h,category"];
    for await (const item of (await openDataset(`${folder}/set`)).items) {
      if (item.kind === "failure") continue;
      const { image, phrase, boxes: [box], category } = item.sample;
      const path = image.replace(`${folder}/set/`, "");
      if (lines.length === 1) {
        lines.push(`${path},refuse this,1,1,99,99,Edema`, `${path},at the edge,0,0,5,5,Edema`);
      }
      lines.push(`${path},"${phrase}",${box},${category}`);
    }
    await Deno.writeTextFile(`${folder}/set/plain.csv`, lines.join("\n"));
    const args = ["--method", "biovil-t", "--model", "fake", "--dataset", "set/plain.csv"];
    const out = ["--device", "cpu", "--out", "out"];
    const { code, stderr } = await runCommand("eval", [...args, ...out], folder, FAKES);
    assertEquals(code, 3, stderr);
    assertMatch(stderr, /failed: .*: Cannot ground "refuse this"/);

    using heatmaps = await RunHeatmaps.open(`${folder}/out`);
    const view = { crop: 448, resized: 512 };
    const method = fakeMethod(view, 14);
    let scored = 0;
    for await (const { result } of readResults(`${folder}/out/results.jsonl`)) {
      if (result.status !== "scored") continue;
      const gray = await decodeImage(`${folder}/${result.image}`);
      const [grid] = await method.ground(gray, [result.phrase!]);
      const { heatmap, smoothed, size, crop } = await heatmaps.get(result.id);
      assertEquals([size, crop], [14, cropRegion(gray.width, gray.height, view)]);
      assertEquals(smoothed, grid!.values);
      assertEquals(heatmap, grid!.values.map((value) => Math.max(0, value)));
      const scores = scoreHeatmap(heatmap, gray, result.boxes, { cover: crop.side });
      const { absCnr, cnr, miou, aucRoc } = result;
      assertEquals({ absCnr, cnr, miou, aucRoc }, scores);
      scored++;
    }
    assert(scored > 1);
    const { counts, reasons, methods } = JSON.parse(
      await Deno.readTextFile(`${folder}/out/summary.json`),
    );
    assertEquals([counts.skipped, counts.scored], [1, scored]);
    assertEquals(reasons.map(({ stage }: { stage: string }) => stage), [
      "ground",
      "decode",
      "decode",
    ]);
    assertEquals(methods["biovil-t"].view, view);
    const smoothed = await runCommand("rescore", ["out", "--sigma", "3", "--out", "no"], folder);
    assertEquals(smoothed.code, 1);
    assertMatch(smoothed.stderr, /heatmaps of "out" anew: those of biovil-t are what they are\n$/);
    const few = [...args, "--device", "cpu", "--max-failures", "0", "--out", "few"];
    assertEquals((await runCommand("eval", few, folder, FAKES)).code, 4);
  }));

Deno.test("ground shows a baseline's heatmap and crop", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/fake`);
    const image = new URL("../docs/overlay.png", import.meta.url).pathname;
    const args = ["--image", image, "--phrase", "left effusion", "--device", "cpu", "--out", "out"];
    const method = ["--method", "biovil", "--model", "fake"];
    const fake = { fault: "fake_ground.ts" };
    const { code, stdout, stderr } = await runCommand("ground", [...method, ...args], folder, fake);
    assertEquals(code, 0, stderr);
    assertEquals(stdout, "left effusion: whole heatmap; out\n");
    const read = (name: string) => Deno.readFile(`${folder}/out/${name}`);
    const result = JSON.parse(new TextDecoder().decode(await read("result.json")));
    const { width, height } = await decodeImage(image);
    const view = { crop: 480, resized: 512 };
    assertEquals(result.crop, cropRegion(width, height, view));
    assertEquals([result.method, result.view, result.heatmapSize], ["biovil", view, 15]);
    assertEquals([result.threshold, result.box], [null, null]);
    const values = new Float32Array((await read("heatmap.npy")).slice(-4 * 15 * 15).buffer);
    const made = fakeMethod(view, 15);
    const [grid] = await made.ground(await decodeImage(image), ["left effusion"]);
    assertEquals(values, grid!.values.map((value) => Math.max(0, value)));
    await decodeImage(`${folder}/out/overlay.png`);
    for (
      const [phrase, expected, lines] of [
        // The first phrase is done, so that only a bug ends the command.
        ["refuse", 3, /^error: Cannot ground "refuse"$/m],
        ["bug", 1, BUG],
      ] as const
    ) {
      const more = ["--phrase", phrase, "--overwrite"];
      const { code, stderr } = await runCommand(
        "ground",
        [...method, ...args, ...more],
        folder,
        fake,
      );
      assertEquals(code, expected);
      assertMatch(stderr, lines);
    }
    for (
      const [more, message] of [[["--steps", "9"], /no effect/], [[], /"--model DIR"/]] as const
    ) {
      const wrong = [...(more.length > 0 ? method : method.slice(0, 2)), ...more, ...args];
      const { code, stderr } = await runCommand("ground", wrong, folder, fake);
      assertEquals(code, 2, stderr);
      assertMatch(stderr, message);
    }
  }));

Deno.test("predicted boxes are scored from CSV and JSON, by both rules, without a model", () =>
  inFolder(async (folder) => {
    const csv = ["image,phrase,x,y,w,h", "a.png,two,0,0,100,200", "a.png,two,300,0,100,200"];
    csv.push("a.png,half,0,0,50,100", "b.png,none,0,0,5,5");
    await Deno.mkdir(`${folder}/set`);
    const image = new URL("../docs/overlay.png", import.meta.url).pathname;
    for (const name of ["a", "b"]) await Deno.copyFile(image, `${folder}/set/${name}.png`);
    await Deno.writeTextFile(`${folder}/set/set.csv`, csv.join("\n"));
    const predicted = [
      "image,phrase,x,y,w,h,score",
      "a,two ,0,0,100,200,.9",
      "a.png,half,0,0,100,100,1",
    ];
    await Deno.writeTextFile(`${folder}/p.csv`, [...predicted, "c.png,half,1,1,1,1,1"].join("\n"));
    const json = [
      { image: "a.png", phrase: "two", boxes: [[0, 0, 100, 200]] },
      { image: "a.png", phrase: "half", boxes: [[0, 0, 100, 100]] },
    ];
    await Deno.writeTextFile(`${folder}/p.json`, JSON.stringify(json));
    const score = async (file: string, ...more: string[]) => {
      const method = ["--method", "boxes", "--dataset", "set/set.csv", "--predictions", file];
      const out = `out-${file}${more.join("")}`;
      const result = await runCommand("eval", [...method, ...more, "--out", out], folder, FAKES);
      assertEquals(result.code, 0, result.stderr);
      const lines = await Array.fromAsync(readResults(`${folder}/${out}/results.jsonl`));
      const scores = lines.map(({ result }) =>
        result.status === "scored" ? result.miou : undefined
      );
      return { ...result, out, scores };
    };
    const union = await score("p.csv");
    assertEquals(union.scores, [0.5, 0.5, 0]);
    assertMatch(union.stderr, /"p\.csv" has predictions for 2 of 3 samples\.\n/);
    assertMatch(union.stderr, /"p\.csv" 1 match no sample .*image "c\.png" with phrase "half"/);
    assertMatch(union.stdout, / mIoU % .* 33\.3\n/);
    assertMatch(union.stdout, / AUC-ROC %[ –]*\n/);
    const results = await Array.fromAsync(readResults(`${folder}/${union.out}/results.jsonl`));
    assertEquals(
      results.map(({ result }) => result.status === "scored" && result.confidence),
      [[.9], [1], undefined],
    );
    const report = await Deno.readTextFile(`${folder}/${union.out}/report.html`);
    assertMatch(report, /"found":\["\[0\.0, 0\.0, 100\.0, 200\.0\], confidence 0\.90"\]/);
    const converted = await runCommand(
      "convert",
      [union.out, "--to", "boxes", "--out", "converted"],
      folder,
    );
    assertEquals(converted.code, 0, converted.stderr);
    await Deno.rename(`${folder}/converted/boxes.csv`, `${folder}/again.csv`);
    const again = await score("again.csv");
    assertEquals(again.scores, union.scores);
    const [first] = await Array.fromAsync(readResults(`${folder}/${again.out}/results.jsonl`));
    assertEquals(first!.result.status === "scored" && first!.result.confidence, [.9]);
    const masks = ["convert", [union.out, "--to", "boxes,npy", "--out", "no"], folder] as const;
    assertMatch((await runCommand(...masks)).stderr, /"out-p\.csv": it has no heatmap/);
    assertEquals((await score("p.json")).scores, [0.5, 0.5, 0]);
    assertEquals((await score("p.csv", "--box-rule", "max")).scores, [1, 0.5, 0]);
    const part = (await score("p.csv", "--shard", "1/2")).out;
    const rest = (await score("p.csv", "--shard", "2/2")).out;
    const merged = await runCommand("merge", [rest, part, "--out", "merged"], folder);
    assertEquals(merged.code, 0, merged.stderr);
    const tables = FILES.filter((name) => name !== "heatmaps.bin");
    await assertSameFiles(`${folder}/${union.out}`, `${folder}/merged`, tables);
    const same = await runCommand("rescore", [union.out, "--out", "same"], folder);
    assertEquals(same.code, 0, same.stderr);
    await assertSameFiles(`${folder}/${union.out}`, `${folder}/same`, [...tables, "run.json"]);
    await Deno.writeTextFile(`${folder}/p.csv`, predicted.join("\n"));
    const args = ["--method", "boxes", "--dataset", "set/set.csv", "--predictions", "p.csv"];
    const other = await runCommand("eval", [...args, "--out", union.out], folder);
    assertEquals(other.code, 1);
    assertMatch(other.stderr, /its run differs in methods\.boxes\.predictions\.sha256/);
  }));

Deno.test("eval names options that do not affect a method, and a method's missing option", () =>
  inFolder(async (folder) => {
    const biovil = ["--method", "biovil", "--model", "x"];
    const boxes = ["--method", "boxes", "--predictions", "p.csv"];
    const names = Object.keys(METHODS);
    const cases: [string[], RegExp][] = [
      [["--method", "biovil"], /needs "--model DIR", the folder of its published files\n$/],
      [["--method", "ldm,biovil", "--model", "x"], /"--method biovil" needs "--model biovil=DIR"/],
      [["--method", "mine"], new RegExp(`must be some of ${names.join(", ")}, got "mine"\\n$`)],
      [
        [...biovil, "--steps=3"],
        /"--steps" has no effect with "--method biovil": it is about ldm, generate-to-ground, daam\n$/,
      ],
      [[...biovil, "--no-otsu"], /"--otsu" has no effect/],
      [[...biovil, "--cache", "x"], /"--cache" has no effect/],
      [[...biovil, "--box-rule", "max"], /"--box-rule" has no effect/],
      [[...biovil, "--model", "y"], /"--model" is there twice for biovil\n$/],
      [
        [...biovil, "--model", "ldm=y"],
        /"--model ldm=y" names ldm, but "--method" has only biovil\n$/,
      ],
      [["--method", "boxes"], /"--method boxes" needs "--predictions FILE"\n$/],
      [[...boxes, "--margin", "zero"], /"--margin" has no effect with "--method boxes"/],
      [[...boxes, "--model", "x"], /"--model" has no effect/],
      [["--method", "ldm,biovil", "--ablate"], /"--ablate" needs "--method ldm" alone/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await runCommand("eval", args, folder);
      assertEquals(code, 2, stderr);
      assertMatch(stderr, message);
    }
    assertEquals([...Deno.readDirSync(folder)], []);
  }));
