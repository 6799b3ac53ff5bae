import "../base/host/deno/mod.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { openDataset } from "../datasets/open_dataset.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { assertSameFiles, makeSet } from "./support/set.ts";

const FILES = ["results.jsonl", "heatmaps.bin", "table.csv", "protocols.csv", "protocols.md"];

const THREE = [
  ...["--method", "ldm,generate-to-ground,daam", "--steps", "3", "--device", "cpu"],
  ...["--protocol", "generate-to-ground", "--cache", "cache"],
];

Deno.test("three generative methods share a model and a table, in shards and scored again", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 3);
    const args = [...THREE, "--dataset", "set", "--bbm"];
    const whole = await runCommand("eval", [...args, "--out", "whole"], folder);
    assertEquals(whole.code, 3, whole.stderr);
    const names = whole.stdout.split("\n").filter((line) => /^[A-Z]/.test(line)).slice(0, 3);
    const labels = ["Ours (ldm)", "Generate-to-Ground", "DAAM"];
    assertEquals(names, labels);
    assertMatch(whole.stdout, /By Generate-to-Ground words outside a stop list stand in/);
    assertMatch(whole.stdout, /^DAAM: generate-to-ground$/m);

    for (const shard of ["1/2", "2/2"]) {
      await runCommand("eval", [...args, "--shard", shard, "--out", shard[0]!], folder);
    }
    const merged = await runCommand("merge", ["2", "1", "--out", "merged"], folder);
    assertEquals(merged.code, 3, merged.stderr);
    await assertSameFiles(`${folder}/whole`, `${folder}/merged`, FILES);
    const same = await runCommand("rescore", ["whole", "--out", "same"], folder);
    assertEquals(same.code, 3, same.stderr);
    await assertSameFiles(`${folder}/whole`, `${folder}/same`, [...FILES, "run.json"]);
  }));

Deno.test("words come from a column or an option; options that contradict each other are refused", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 2);
    const [first] = await Array.fromAsync((await openDataset(`${folder}/set`)).items);
    const path = first!.kind === "sample" ? first!.sample.image.replace(`${folder}/set/`, "") : "";
    const rows = [
      "image,phrase,words,category",
      `${path},small effusion,effusion,Edema`,
      `${path},left haze,,Edema`,
      `${path},mild edema,,Edema`,
      `${path},right haze,lung,Edema`,
    ];
    await Deno.writeTextFile(`${folder}/set/plain.csv`, rows.join("\n"));
    const args = ["--dataset", "set/plain.csv", "--steps", "3", "--device", "cpu"];
    const run = async (out: string, ...more: string[]) => {
      const all = [...args, ...more, "--method", "generate-to-ground", "--out", out];
      const { code, stderr } = await runCommand("eval", all, folder);
      const lines = code === 2 ? "" : await Deno.readTextFile(`${folder}/${out}/results.jsonl`);
      const found = lines.split("\n").slice(0, -1).map((line) => JSON.parse(line));
      return { code, stderr, notes: found.map(({ notes, reason }) => reason ?? notes?.join()) };
    };
    const content = await run("content");
    assertEquals(content.code, 3, content.stderr);
    assertEquals(content.notes, [
      'of the phrase counted "effusion"',
      'of the phrase counted "left", "haze"',
      'of the phrase counted "mild", "edema"',
      `the phrase has no word "lung" within the model's length`,
    ]);
    const category = await run("class", "--words", "class");
    assertEquals(category.code, 0, category.stderr);
    assertEquals(category.notes.slice(1, 3), [
      "no word belongs to the class; all words counted",
      'of the phrase counted "edema"',
    ]);
    const both = await run("both", "--words", "class", "--bbm");
    assertMatch(both.stderr, /"--bbm" and "--words class" exclude each other/);
    const none = await run("none", "--words", ",");
    assertMatch(none.stderr, /"--words" must be content, all, class or words/);
    assertEquals([both.code, none.code], [2, 2]);
    const image = ["--image", `set/${path}`, "--phrase", "haze"];
    for (
      const [more, message] of [
        [["--method", "daam", "--words", "class"], /"--words class" needs samples with a class/],
        [["--bbm"], /"--bbm" has no effect with "--method ldm": it is about generate-to-ground/],
        [["--method", "daam", "--steps", "9999"], /Cannot space 9999 steps/],
      ] as const
    ) {
      const { stderr } = await runCommand("ground", [...image, ...more], folder);
      assertMatch(stderr, message);
    }
  }));
