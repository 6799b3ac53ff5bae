import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import { encodeNpy } from "../reports/exports/npy.ts";
import { Run } from "../runs/run.ts";
import { isGrounded } from "../runs/run_folder.ts";
import type { SampleResult } from "../pipeline/evaluate.ts";
import { inFolder, runCommand } from "./support/command.ts";

const FILES = ["results.jsonl", "heatmaps.bin", "controls/results.jsonl", "controls/heatmaps.bin"];
const TABLES = ["controls.md", "controls.tex", "controls.csv", "table.md"];

async function run(folder: string, name: string, args: string[], code = 0): Promise<string> {
  const fault = name === "eval" ? { fault: "fake_eval.ts" } : {};
  const found = await runCommand(name, args, folder, fault);
  assertEquals(found.code, code, found.stdout + found.stderr);
  return found.stdout;
}

async function assertSame(
  folder: string,
  one: string,
  other: string,
  files = [...FILES, ...TABLES],
) {
  for (const file of files) {
    const [left, right] = await Promise.all(
      [one, other].map((run) => Deno.readFile(`${folder}/${run}/${file}`)),
    );
    assertEquals(left, right, `${file} of ${one} and ${other}`);
  }
}

async function linesOf(path: string): Promise<SampleResult[]> {
  return (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));
}

/** Options of a run of the fake BioViL, whose maps depend on the image and the phrase's length. */
const FAKE = ["--method", "biovil", "--model", "model", "--dataset", "set", "--no-report"];

async function withSet(test: (folder: string) => Promise<void>, images = 3): Promise<void> {
  await inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 3, images });
    await Deno.mkdir(`${folder}/model`);
    await test(folder);
  });
}

Deno.test("eval --controls keeps the results, and a run that goes on equals a whole run", () =>
  withSet(async (folder) => {
    await run(folder, "eval", [...FAKE, "--out", "plain"]);
    const stdout = await run(folder, "eval", [...FAKE, "--controls", "--out", "whole"]);
    assertMatch(stdout, /^Does the method listen\?/m);
    for (const row of ["another class", "other side", "mirrored", "centre Gaussian", "mean map"]) {
      assertMatch(stdout, new RegExp(`^ ${row} +[-+]`, "m"));
    }
    await assertSame(folder, "plain", "whole", ["results.jsonl", "heatmaps.bin", "run.json"]);
    // A finished run without controls gains them.
    await run(folder, "eval", [...FAKE, "--controls", "--out", "plain"]);
    await assertSame(folder, "plain", "whole");
    // A run that was killed between two questions of an image, and one without its last samples.
    for (const [file, lines] of [["controls/results.jsonl", 3], ["results.jsonl", 2]] as const) {
      const path = `${folder}/plain/${file}`;
      const text = (await Deno.readTextFile(path)).split("\n").slice(0, lines).join("\n");
      await Deno.writeTextFile(path, text + "\n");
      await run(folder, "eval", [...FAKE, "--controls", "--out", "plain"]);
      await assertSame(folder, "plain", "whole");
    }
    assertMatch(await run(folder, "validate", ["whole"]), /^No difference in .* and 6 tables\.$/m);
    await run(folder, "rescore", ["whole", "--protocol", "pointing-game", "--out", "again"]);
    await assertSame(folder, "again", "whole", [FILES[3]!, "controls.csv"]);
    const [again] = await linesOf(`${folder}/again/controls/results.jsonl`);
    assert(again!.status === "scored" && again!.protocols?.["pointing-game"]);
    assertMatch(await run(folder, "report", ["whole"]), /Report/);
    const page = await Deno.readTextFile(`${folder}/whole/report.html`);
    assertMatch(page, /Does the method listen\?/);
    // Results that start again take no controls of others with them.
    await run(folder, "eval", [...FAKE, "--overwrite", "--out", "plain"]);
    const summary = JSON.parse(await Deno.readTextFile(`${folder}/plain/summary.json`));
    assertEquals(summary.controls, undefined);
  }));

Deno.test("merge puts shards with controls together, and refuses a shard without", () =>
  withSet(async (folder) => {
    await run(folder, "eval", [...FAKE, "--controls", "--out", "whole"]);
    for (const shard of ["1", "2"]) {
      const args = [...FAKE, "--shard", `${shard}/2`, "--out", shard];
      await run(folder, "eval", args);
      if (shard === "2") {
        const { code, stderr } = await runCommand("merge", ["1", "2", "--out", "no"], folder);
        assertEquals(code, 1);
        assertMatch(stderr, /"1" has controls and "2" has none; the same eval of its shard with/);
      }
      await run(folder, "eval", [...args, "--controls"]);
    }
    await run(folder, "merge", ["2", "1", "--out", "merged"]);
    await assertSame(folder, "merged", "whole");
    await run(folder, "compare", ["merged", "whole", "--out", "compared"]);
  }));

Deno.test("a question that fails leaves its sample as it is", () =>
  withSet(async (folder) => {
    // The fake method refuses the only phrase of another class, which is beyond the limit.
    const csv = `${folder}/set/MS_CXR_Local_Alignment_v1.1.0.csv`;
    const [header, first, ...rows] = (await Deno.readTextFile(csv)).trim().split("\n");
    const image = (row: string) => row.split(",")[2];
    const other = rows.find((row) => image(row) !== image(first!))!;
    const named = (row: string, category: string, phrase: string) =>
      [category, phrase, ...row.split(",").slice(2)].join(",");
    const text = [
      header,
      named(first!, "Edema", "left haze"),
      named(other, "Pneumonia", "refuse this"),
    ];
    await Deno.writeTextFile(csv, text.join("\n"));
    await run(folder, "eval", [...FAKE, "--limit", "1", "--controls", "--out", "out"]);
    const [own, ...none] = await linesOf(`${folder}/out/results.jsonl`);
    assertEquals([own!.status, none], ["scored", []]);
    const asked = await linesOf(`${folder}/out/controls/results.jsonl`);
    assertEquals(asked.map(({ control, status, phrase }) => [control, status, phrase]), [
      ["other-class", "failed", "refuse this"],
      ["other-side", "scored", "right haze"],
      ["mirrored", "scored", "right haze"],
    ]);
    const markdown = await Deno.readTextFile(`${folder}/out/controls.md`);
    assertMatch(markdown, /1 question has no answer that counts/);
    assertEquals(/another class \|/.test(markdown), false);
    await run(folder, "validate", ["out"]);
  }));

Deno.test("rescore --controls reads an old run, with floors and the phrases of each image", () =>
  inFolder(async (folder) => {
    const old = new URL("old_runs/fixture/both", import.meta.url).pathname;
    const args = ["rescore", [old, "--controls", "--out", "out"]] as const;
    const { code, stdout, stderr } = await runCommand(...args, folder);
    assertEquals(code, 3, stderr);
    assertMatch(stdout, /centre Gaussian/);
    assertMatch(await run(folder, "validate", ["out"]), /^No difference/m);
    await run(folder, "rescore", ["out", "--lift", "dhs", "--out", "lifted"], 3);
    assertMatch(await run(folder, "validate", ["lifted"]), /^No difference/m);
  }));

Deno.test("eval --controls of boxes and heatmaps from files asks no further phrase", () =>
  withSet(async (folder) => {
    await run(folder, "eval", [...FAKE, "--out", "maps"]);
    const found = (await linesOf(`${folder}/maps/results.jsonl`)).flatMap((result) => {
      if (!isGrounded(result)) return [];
      const { image, phrase, boxes } = result;
      return [{ image, phrase, boxes: boxes.slice(0, 1) }];
    });
    assertNotEquals(found.length, 0);
    await Deno.writeTextFile(`${folder}/boxes.json`, JSON.stringify(found));
    const common = ["--dataset", "set", "--no-report", "--controls"];
    const boxes = ["--method", "boxes", "--predictions", "boxes.json", "--out", "boxes"];
    const stdout = await run(folder, "eval", [...common, ...boxes]);
    assertMatch(stdout, /^ another class +– +– +[-+0]/m);
    assertEquals(/mean map/.test(stdout), false);
    const record = JSON.parse(await Deno.readTextFile(`${folder}/boxes/controls/run.json`));
    assertEquals([record.plan, record.facts.controls.questions], [[], []]);
    // The same maps from files have the controls of the run that made them.
    using maps = await Run.open(`${folder}/maps`);
    const list: string[] = [];
    for await (const result of maps.results()) {
      const { layers: [layer], size } = await maps.stored(result);
      const file = `${list.length}.npy`;
      await Deno.writeFile(`${folder}/${file}`, encodeNpy(layer!.data, [size, size]));
      list.push(JSON.stringify({ image: result.image, phrase: result.phrase, file }));
    }
    await Deno.writeTextFile(`${folder}/list.jsonl`, list.join("\n"));
    const heatmaps = [
      ...["--method", "heatmaps", "--predictions", "list.jsonl", "--covers", "crop:480/512"],
      ...["--map-values", "own", "--out", "files"],
    ];
    await run(folder, "eval", [...common, ...heatmaps]);
    await run(folder, "rescore", ["maps", "--controls", "--out", "again"]);
    await assertSame(folder, "files", "again", ["controls.csv", "controls/results.jsonl"]);
  }));

Deno.test("the bundled model reads the empty phrase at the tokens of each phrase", () =>
  withSet(async (folder) => {
    // The phantoms in the layout of PadChest-GR, with sentences that state nothing abnormal.
    const rows = (await Deno.readTextFile(`${folder}/set/MS_CXR_Local_Alignment_v1.1.0.csv`))
      .trim().split("\n").slice(1).map((row) => row.trim().split(","));
    const images = Map.groupBy(rows, ([, , path]) => path!);
    const studies = [...images].map(([path, own], i) => ({
      ImageID: path.split("/").at(-1),
      findings: [
        ...own.map(([label, sentence, , ...numbers]) => {
          const [x, y, w, h] = numbers.slice(0, 4).map(Number) as [number, number, number, number];
          const [width, height] = numbers.slice(5, 7).map(Number) as [number, number];
          return {
            ...{ sentence_en: sentence, abnormal: true, labels: [label] },
            boxes: [[x / width, y / height, (x + w) / width, (y + h) / height]],
          };
        }),
        { sentence_en: `No nodule ${i}.`, abnormal: false, labels: ["Nodule"] },
      ],
    }));
    await Deno.writeTextFile(
      `${folder}/set/grounded_reports_20240819.json`,
      JSON.stringify(studies),
    );
    for (const path of images.keys()) {
      await Deno.copyFile(`${folder}/set/${path}`, `${folder}/set/${path.split("/").at(-1)}`);
    }
    await Deno.remove(`${folder}/set/MS_CXR_Local_Alignment_v1.1.0.csv`);
    const args = ["--dataset", "set", "--noise", "sample", "--steps", "5", "--no-report"];
    const own = [...args, "--protocol", "existence"];
    await run(folder, "eval", [...own, "--out", "plain"]);
    const stdout = await run(folder, "eval", [...own, "--controls", "--out", "out"]);
    await assertSame(folder, "plain", "out", ["results.jsonl", "heatmaps.bin"]);
    assertMatch(stdout, /^Existence by contrast: .*\n(?:.*\n)*by contrast +\d/m);
    const asked = await linesOf(`${folder}/out/controls/results.jsonl`);
    const empty = asked.filter(({ control }) => control === "empty");
    assertEquals(empty.length, rows.length + images.size);
    assertMatch(await run(folder, "validate", ["out"]), /^No difference/m);
    // Methods that scale their maps themselves answer with the contrast.
    const names = ["daam", "generate-to-ground"];
    await run(folder, "eval", [...own, "--method", names.join(","), "--controls", "--out", "two"]);
    using two = await Run.open(`${folder}/two/controls`);
    for await (const result of two.results()) {
      if (result.control !== "empty" || !names.includes(result.setting!)) continue;
      const { layers: [layer] } = await two.stored(result);
      const [low, high] = [Math.min(...layer!.data), Math.max(...layer!.data)];
      assert(low < high && high < 1, `${result.id}: ${low} to ${high}`);
    }
    // A run that reads no such sentences has nothing to contrast.
    await run(folder, "eval", [...args, "--controls", "--out", "without"]);
    const record = JSON.parse(await Deno.readTextFile(`${folder}/without/controls/run.json`));
    assertEquals(record.facts.controls.questions, ["other-class", "other-side", "mirrored"]);
  }, 2));
