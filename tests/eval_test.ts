import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import { CLASSES } from "../datasets/sample.ts";
import type { SampleResult } from "../pipeline/evaluate.ts";
import { commandArguments, inFolder, runCommand } from "./support/command.ts";

async function results(folder: string): Promise<SampleResult[]> {
  const text = await Deno.readTextFile(`${folder}/results.jsonl`);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("eval without options scores at least 24 phrases over the eight classes", () =>
  inFolder(async (folder) => {
    const { code, stdout, stderr } = await runCommand("eval", ["--steps", "10"], folder);
    assertEquals(code, 0, stderr);
    const [, out, report] = /^Results: (.*)\nReport: (.*)\nFiles: results\.jsonl, /m.exec(stdout)!;
    assertEquals(report, `${out}/report.html`);
    const lines = await results(`${folder}/${out}`);
    assert(lines.length >= 24);
    assert(lines.every(({ status }) => status === "scored"));
    const summary = JSON.parse(await Deno.readTextFile(`${folder}/${out}/summary.json`));
    assertEquals(summary.classes.map(({ category }: { category: string }) => category), [
      ...CLASSES,
    ]);
    assertEquals(summary.counts.scored, lines.length);
    assertMatch(summary.model.sha256, /^[0-9a-f]{64}$/);
    // The average counts every class once, whatever its number of samples.
    const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
    const byClass = CLASSES.map((category) =>
      mean(
        lines.flatMap((line) =>
          line.status === "scored" && line.category === category ? line.miou : []
        ),
      )
    );
    assert(Math.abs(summary.average.miou - mean(byClass)) < 1e-12);
    assertMatch(stdout, /\|CNR\|.*\n.*CNR.*\n.*mIoU/);
  }));

Deno.test("eval puts the paper's rows beside results on MS-CXR, not on phantoms", () =>
  inFolder(async (folder) => {
    const { csv } = await writePhantomSet(`${folder}/set`, { seed: 3, images: 2 });
    const run = async (out: string) => {
      const args = ["--dataset", "set", "--noise", "sample", "--steps", "5", "--out", out];
      const { code, stdout, stderr } = await runCommand("eval", args, folder);
      assertEquals(code, 0, stderr);
      const markdown = await Deno.readTextFile(`${folder}/${out}/table.md`);
      const { dataset } = JSON.parse(await Deno.readTextFile(`${folder}/${out}/summary.json`));
      return { stdout, markdown, kind: dataset.kind };
    };
    const phantoms = await run("a");
    assertEquals(phantoms.kind, "phantoms");
    assert(!phantoms.stdout.includes("BioViL") && !phantoms.markdown.includes("BioViL"));
    // Imitate the image names of MIMIC-CXR.
    const text = await Deno.readTextFile(csv);
    await Deno.writeTextFile(csv, text.replaceAll(/,phantom-(\d+)-/g, ",0002a34c-5b2d-$1-"));
    const real = await run("b");
    assertEquals(real.kind, "ms-cxr");
    assertMatch(real.stdout, /^BioViL-T, published\n \|CNR\| +1\.70/m);
    assertMatch(real.markdown, /^\| BioViL-T† \| \\\|CNR\\\| \| .*1\.70/m);
    assertMatch(real.markdown, /† As published: Vilouras et al\..*, Table I;/);
  }));

Deno.test("eval --ablate scores Table II and the user's settings from the same passes", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 3, images: 2 });
    const common = ["--dataset", "set", "--limit", "2", "--steps", "10"];
    const ablation = ["--ablate", "--setting", "mine:3-5:40%..60%:otsu", "--out", "a"];
    const { code, stdout, stderr } = await runCommand("eval", [...common, ...ablation], folder);
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /2\/2 samples/);
    const lines = await results(`${folder}/a`);
    assertEquals(lines.length, 26);
    assertEquals(new Set(lines.map(({ setting }) => setting)).size, 13);
    for (const row of ["all 11 layers, all steps", "middle 6 layers, middle steps, Otsu", "mine"]) {
      assertMatch(stdout, new RegExp(`^${row}\n +CNR`, "m"));
      for (const end of ["md", "tex", "csv"]) {
        assert((await Deno.readTextFile(`${folder}/a/ablation.${end}`)).includes(row));
      }
    }
    const { ablation: summaries } = JSON.parse(
      await Deno.readTextFile(`${folder}/a/summary.json`),
    );
    assertEquals(Object.keys(summaries).length, 13);
    assertEquals(summaries.mine.counts.scored, 2);

    // A setting must give the same results as a run of its own.
    const own = ["--layers", "3-5", "--select", "40%..60%", "--out", "b"];
    await runCommand("eval", [...common, ...own], folder);
    const expected = await results(`${folder}/b`);
    const mine = lines.filter(({ setting }) => setting === "mine");
    for (const [i, line] of mine.entries()) {
      const [one, other] = [line, expected[i]!];
      if (one.status !== "scored" || other.status !== "scored") throw new Error(one.id);
      assertEquals([one.threshold, one.phrase], [other.threshold, other.phrase]);
      assert(Math.abs(one.miou - other.miou) < 1e-6);
    }
  }));

Deno.test("eval --setting scores a setting beside the choice of the other options", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 3, images: 1 });
    const args = [
      ...["--dataset", "set", "--limit", "1", "--noise", "sample", "--steps", "10"],
      ...["--no-otsu", "--out", "a"],
    ];
    const { code, stderr } = await runCommand(
      "eval",
      [...args, "--layers", "5", "--setting", "mine:3-4:all:otsu"],
      folder,
    );
    assertEquals(code, 0, stderr);
    const lines = await results(`${folder}/a`);
    assertEquals(lines.map(({ setting }) => setting), ["as chosen", "mine"]);
    const { settings } = JSON.parse(await Deno.readTextFile(`${folder}/a/summary.json`));
    assertEquals(settings.variants, [
      { name: "as chosen", layers: [5], start: 3, end: 6, otsu: false },
      { name: "mine", layers: [3, 4], start: 0, end: 10, otsu: true },
    ]);
    assertEquals(settings.otsu, undefined);
  }));

Deno.test("eval --cache repeats the results from its entries", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 3, images: 2 });
    const run = async (out: string) => {
      const args = [
        ...["--dataset", "set", "--limit", "2", "--steps", "10"],
        ...["--cache", "kept", "--out", out],
      ];
      const { code, stderr } = await runCommand("eval", args, folder);
      assertEquals(code, 0, stderr);
      return (await results(`${folder}/${out}`)).map((line) => ({ ...line, image: "" }));
    };
    assertEquals(await run("a"), await run("b"));
    assert([...Deno.readDirSync(`${folder}/kept`)].length >= 1);
  }));

Deno.test("eval records bad rows and images and goes on", () =>
  inFolder(async (folder) => {
    const { csv } = await writePhantomSet(`${folder}/set`, { seed: 3, images: 3 });
    const [header, ...rows] = (await Deno.readTextFile(csv)).trim().split(/\r?\n/);
    const image = (row: string) => /files\/[^,]*\.jpg/.exec(row)![0];
    const distinct = [...new Set(rows.map(image))];
    await Deno.writeFile(`${folder}/set/${distinct[1]}`, new Uint8Array([0xff, 0xd8, 0xff]));
    const columns = header!.split(",");
    const change = (row: string, column: string, value: string) =>
      row.split(",").map((field, i) => i === columns.indexOf(column) ? value : field).join(",");
    const one = rows.find((row) => image(row) === distinct[0])!;
    const bad = [
      change(change(one, "label_text", "a box far away"), "x", "9000"),
      change(change(one, "label_text", "a box of no size"), "w", "0"),
      change(change(one, "label_text", "a box that is no number"), "y", "NaN"),
      change(one, "label_text", " "),
      change(change(one, "label_text", "outside"), "path", "../../secret.jpg"),
    ];
    await Deno.writeTextFile(csv, [header, ...bad, ...rows].join("\n"));
    const { code, stdout } = await runCommand("eval", [
      "--dataset",
      "set",
      "--steps",
      "10",
      "--out",
      "out",
    ], folder);
    assertEquals(code, 3);
    const lines = await results(`${folder}/out`);
    const reasons = lines.flatMap((line) => line.status === "failed" ? line.reason : []);
    const errors = lines.flatMap((line) => line.status === "failed" ? line.error : []);
    assertEquals(new Set(errors), new Set(["RangeError", "SyntaxError"]));
    for (
      const part of [
        "outside the image",
        "has no size",
        "must be a number",
        "phrase is empty",
        "outside the image folder",
        "truncated or corrupt",
      ]
    ) {
      assert(reasons.some((reason) => reason.includes(part)), `${part}: ${reasons.join("; ")}`);
    }
    assert(lines.some(({ status }) => status === "scored"));
    assertMatch(stdout, /failed at dataset/);
  }));

Deno.test("eval names a fault before it writes anything", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.csv`, "image,phrase,x,y,w\na.png,b,1,2,3\n");
    const cases: [string[], number, RegExp][] = [
      [["--datset", "a.csv"], 2, /did you mean "--dataset"/],
      [["--dataset", "b.csv"], 1, /"b\.csv": there is no such file/],
      [["--dataset", "a.csv"], 1, /column "h" is missing/],
      [["--steps", "0"], 2, /--steps/],
      [["--split", "test"], 2, /needs "--dataset"/],
      [["--setting", "a:3:all"], 2, /NAME:LAYERS:STEPS:otsu/],
      [["--setting", "a:3:9..2:none"], 2, /"--setting" got "9\.\.2"/],
      [["--setting", "a:30:all:none"], 1, /layer 30/],
      [["--ablate", "--no-otsu"], 2, /"--no-otsu" has no effect with "--ablate"/],
      [["--cache", "a.csv"], 1, /Cannot keep noisy latents in "a.csv"/],
      [["--model", "."], 1, /config\.json/],
    ];
    for (const [args, expected, message] of cases) {
      const { code, stdout, stderr } = await runCommand("eval", args, folder);
      assertEquals([code, stdout], [expected, ""], args.join(" "));
      assertMatch(stderr.trim(), message);
      assertEquals(stderr.trim().split("\n").length, 1, stderr);
    }
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.csv"]);
  }));

Deno.test("eval names the interruption in the summary, and goes on once it can", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 3, images: 3 });
    const args = [
      ...["--dataset", "set", "--limit", "3", "--noise", "sample", "--steps", "10"],
      ...["--out", "out"],
    ];
    const { code, stderr } = await runCommand("eval", args, folder, { fault: "fill_disk.ts" });
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /\n1 scored, .*; results so far are in out\nerror: Cannot write "out\/results\.jsonl": No space left on device/,
    );
    const { counts, error, interrupted } = JSON.parse(
      await Deno.readTextFile(`${folder}/out/summary.json`),
    );
    assertEquals([counts.scored, interrupted], [1, false]);
    assertMatch(error, /No space left on device$/);
    const torn = await Deno.readTextFile(`${folder}/out/results.jsonl`);
    assertEquals(torn.split("\n").length, 2);
    assert(!torn.endsWith("\n"));
    const again = await runCommand("eval", args, folder);
    assertEquals(again.code, 0, again.stderr);
    assertMatch(again.stderr, /; 1 done before\./);
    assertEquals((await results(`${folder}/out`)).length, 3);
  }));

Deno.test("eval never overwrites files that may be results", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/results.jsonl`, "precious\n");
    const { code, stderr } = await runCommand("eval", ["--out", "."], folder);
    assertEquals(code, 1);
    assertMatch(stderr, /already holds results/);
    assertEquals(await Deno.readTextFile(`${folder}/results.jsonl`), "precious\n");
  }));

Deno.test("eval repeats its bytes with any number of images ahead", () =>
  inFolder(async (folder) => {
    const run = async (out: string, concurrency: string) => {
      await runCommand("eval", [
        ...["--dataset", "set", "--steps", "10", "--noise", "sample", "--seed", "5"],
        ...["--concurrency", concurrency, "--out", out],
      ], folder);
      return await Deno.readTextFile(`${folder}/${out}/results.jsonl`);
    };
    await writePhantomSet(`${folder}/set`, { seed: 4, images: 4 });
    assertEquals(await run("a", "1"), await run("b", "4"));
  }));

Deno.test("eval finishes the sample in hand on Ctrl-C, ends with 130 and can go on", {
  ignore: Deno.build.os === "windows",
}, () =>
  inFolder(async (folder) => {
    const child = new Deno.Command("deno", {
      args: commandArguments("eval", ["--out", "out"]),
      cwd: folder,
      env: { NO_COLOR: "1", INIT_CWD: "" },
      stdout: "null",
      stderr: "piped",
    }).spawn();
    // Wait for the first results, so that the run is well under way.
    const isUnderWay = () =>
      Deno.stat(`${folder}/out/results.jsonl`).then(({ size }) => size > 0, () => false);
    while (!await isUnderWay()) await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill("SIGINT");
    const { code } = await child.status;
    const stderr = await new Response(child.stderr).text();
    assertEquals(code, 130, stderr);
    const lines = await results(`${folder}/out`);
    const summary = JSON.parse(await Deno.readTextFile(`${folder}/out/summary.json`));
    assertEquals(summary.interrupted, true);
    assertMatch(await Deno.readTextFile(`${folder}/out/table.md`), /The run was broken off/);
    assertEquals(summary.counts.scored, lines.length);
    // The phrases of an image are finished together.
    const phrases = (image: string | undefined) =>
      lines.filter((line) => line.image === image).length;
    const csv = await Deno.readTextFile(
      `${folder}/out/phantoms/MS_CXR_Local_Alignment_v1.1.0.csv`,
    );
    const rows = csv.trim().split(/\r?\n/).slice(1).map((row) => row.split(","));
    const last = lines.at(-1)!.image!;
    const ofLast = rows.filter((row) => row.some((field) => field && last.endsWith(field)));
    assertEquals(phrases(last), new Set(ofLast.map((row) => row[1])).size);
    assertMatch(stderr, /Stopping after the sample in hand/);
    assertMatch(stderr, /Stopped; the same command with --out out goes on/);
  }));

Deno.test("eval that is refused says why in one line, draws no phantoms and leaves nothing", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/other`);
    const record = { facts: { settings: { steps: 7 } }, variants: [""], plan: [] };
    await Deno.writeTextFile(`${folder}/other/run.json`, JSON.stringify(record));
    await Deno.writeTextFile(`${folder}/other/results.jsonl`, "{}\n");
    const cases: [string[], number, RegExp][] = [
      [["--out", "other"], 1, /^error: Cannot go on in "other": its run differs in settings/],
      [["--out", "other", "--no-resume"], 1, /^error: .*"other": it already holds results/],
      [["--layers", "40", "--out", "new"], 1, /^error: Cannot read cross-attention layer 40/],
      [["--select", "40..60", "--steps", "9"], 1, /^error: Cannot select steps 40\.\.60/],
      [["--weights", "float16", "--device", "cpu"], 1, /^error: Cannot keep weights in float16/],
      [["--cache", "new/", "--out", "new"], 2, /^Option "--cache" must be another folder than/],
    ];
    for (const [args, expected, message] of cases) {
      const { code, stdout, stderr } = await runCommand("eval", args, folder);
      assertEquals([code, stdout], [expected, ""], stderr);
      assertMatch(stderr, message);
      assertEquals(stderr.trim().split("\n").length, 1, stderr);
      const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
      assertEquals(names, ["other"], args.join(" "));
      assertEquals([...Deno.readDirSync(`${folder}/other`)].length, 2);
    }
  }));
