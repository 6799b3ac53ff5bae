import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { SampleResult, StoredHeatmap } from "../pipeline/evaluate.ts";
import { HeatmapIndex, readHeatmaps } from "./heatmap_file.ts";
import { inFolder } from "../tests/support/command.ts";
import { Random } from "../base/random.ts";
import { mergeRuns } from "./merge_runs.ts";
import { readResults } from "./read_results.ts";
import { differences, type Earlier, hasHeatmap, RunFolder, type RunRecord } from "./run_folder.ts";

const RECORD: RunRecord = {
  facts: {
    settings: { steps: 300, layers: [3, 4], sigma: 2.5, otsu: true },
    margin: "excluded",
  },
  variants: [""],
  plan: [0, 1, 2, 3].map((index) => ({ id: `s${index}`, index })),
};

function scored(index: number, setting?: string): SampleResult {
  return {
    ...{ id: `s${index}`, index, status: "scored", boxes: [], threshold: 0.5 },
    ...{ absCnr: 1, cnr: 1, miou: 0.5, aucRoc: 0.9 },
    ...(setting !== undefined && { setting }),
  };
}

const failed: SampleResult = {
  ...{ id: "s1", index: 1, status: "failed", stage: "decode" },
  ...{ reason: "Cannot read image", error: "NotFound" },
};

/** Returns the stored heatmap of a result; each heatmap has values of its own. */
function stored({ id, index, setting }: SampleResult): StoredHeatmap {
  return {
    ...{ id, size: 64, image: { width: 80, height: 90 } },
    ...(setting !== undefined && { setting }),
    layers: [{ layer: 3, side: 2, data: Float32Array.of(index!, 0.25, 1 / 3, 1) }],
  };
}

/** Begins a run, writes results, and returns the ids of the samples done before. */
async function run(
  path: string,
  results: readonly SampleResult[] = [],
  record = RECORD,
  earlier: Earlier = "resume",
): Promise<string[]> {
  const folder = await RunFolder.lock(path, () => {});
  try {
    const done = await folder.begin(record, earlier, () => {});
    await folder.writeHeatmaps(results.filter(hasHeatmap).map(stored));
    await folder.write(results);
    return [...done];
  } finally {
    await folder.close();
  }
}

/** Returns the names of the heatmaps in a folder, in order. */
async function heatmaps(folder: string): Promise<string[]> {
  const records = await Array.fromAsync(readHeatmaps(`${folder}/heatmaps.bin`));
  return records.map(({ heatmap: { id, setting } }) => id + (setting ?? ""));
}

const read = (folder: string) => Deno.readTextFile(`${folder}/results.jsonl`);

Deno.test("RunFolder goes on after the last whole line, wherever a run was killed", () =>
  inFolder(async (folder) => {
    await run(folder, [scored(0), scored(1)]);
    const whole = await Deno.readFile(`${folder}/results.jsonl`);
    const end = whole.indexOf(10) + 1;
    const wholeMaps = await Deno.readFile(`${folder}/heatmaps.bin`);
    for (let length = 0; length <= whole.length; length++) {
      await Deno.writeFile(`${folder}/results.jsonl`, whole.subarray(0, length));
      const done = length === whole.length ? ["s0", "s1"] : length >= end ? ["s0"] : [];
      const missing = [scored(0), scored(1)].slice(done.length);
      assertEquals(await run(folder, missing), done, `${length} bytes`);
      assertEquals(await Deno.readFile(`${folder}/results.jsonl`), whole);
      assertEquals(await Deno.readFile(`${folder}/heatmaps.bin`), wholeMaps);
    }
    // Killed before the second line was written, at any byte of the line's heatmap.
    for (let length = wholeMaps.length / 2; length <= wholeMaps.length; length++) {
      await Deno.writeFile(`${folder}/results.jsonl`, whole.subarray(0, end));
      await Deno.writeFile(`${folder}/heatmaps.bin`, wholeMaps.subarray(0, length));
      assertEquals(await run(folder, [scored(1)]), ["s0"], `${length} bytes`);
      assertEquals(await Deno.readFile(`${folder}/heatmaps.bin`), wholeMaps);
    }
  }));

Deno.test("RunFolder goes back to the last sample whole in both files, however they are damaged", () =>
  inFolder(async (folder) => {
    const record = { ...RECORD, variants: ["a", "b"] };
    const half: SampleResult = { ...failed, id: "s3", index: 3, setting: "b" };
    const boxed: SampleResult = {
      ...{ id: "s2", index: 2, setting: "b", status: "grounded", boxes: [], threshold: null },
      predicted: [[1, 2, 3, 4]],
    };
    const samples = [
      [scored(0, "a"), scored(0, "b")],
      [failed],
      [scored(2, "a"), boxed],
      [scored(3, "a"), half],
    ];
    const lineEnds: number[] = [];
    const recordEnds: number[] = [];
    const size = async (name: string) => (await Deno.stat(`${folder}/${name}`)).size;
    for (const results of samples) {
      await run(folder, results, record);
      lineEnds.push(await size("results.jsonl"));
      recordEnds.push(await size("heatmaps.bin"));
    }
    const whole = ["results.jsonl", "heatmaps.bin"].map((name) =>
      Deno.readFileSync(`${folder}/${name}`)
    ) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
    const tried = async (damaged: readonly Uint8Array<ArrayBuffer>[]) => {
      const [lines, records] = damaged.map((bytes, i) => equalUpTo(whole[i]!, bytes)) as [
        number,
        number,
      ];
      const lost = samples.findIndex((_, i) => lines < lineEnds[i]! || records < recordEnds[i]!);
      const count = lost < 0 ? samples.length : lost;
      await Deno.writeFile(`${folder}/results.jsonl`, damaged[0]!);
      await Deno.writeFile(`${folder}/heatmaps.bin`, damaged[1]!);
      const done = await run(folder, samples.slice(count).flat(), record);
      assertEquals(done, ["s0", "s1", "s2", "s3"].slice(0, count), `${lines} and ${records} bytes`);
      assertEquals(Deno.readFileSync(`${folder}/results.jsonl`), whole[0]);
      assertEquals(Deno.readFileSync(`${folder}/heatmaps.bin`), whole[1]);
    };
    // Damage the bytes around each record's words and its end, then bytes at random.
    const edges = [0, ...recordEnds].flatMap((end) =>
      [-1, 0, 1, 2, 4, 5, 8, 12, 16].map((i) => end + i)
    );
    for (const at of edges.filter((at) => at >= 0 && at <= whole[1].length)) {
      await tried([whole[0], zeroed(whole[1], at)]);
    }
    const random = new Random(4);
    for (let i = 0; i < 150; i++) {
      await tried(whole.map((bytes) => damage(bytes, random)));
    }
  }));

Deno.test("RunFolder goes back to the last sample whole in its kept attention, too", () =>
  inFolder(async (folder) => {
    const kept = { layers: [3], steps: [[0, 9]] };
    const record = { ...RECORD, facts: { settings: { kept } }, variants: ["a", "b"] };
    const samples = [0, 1, 2].map((index) => [scored(index, "a"), scored(index, "b")]);
    const write = async (own: readonly SampleResult[], earlier: Earlier = "resume") => {
      const run = await RunFolder.lock(folder, () => {});
      const done = await run.begin(record, earlier, () => {});
      await run.writeHeatmaps(own.map(stored));
      const first = own.filter(({ setting }) => setting === "a");
      await run.writeAttention(first.map(({ setting: _, ...sample }) => stored(sample)));
      await run.write(own);
      await run.close();
      return done.size;
    };
    const ends: number[] = [];
    for (const own of samples) {
      await write(own);
      ends.push((await Deno.stat(`${folder}/attention.bin`)).size);
    }
    const files = ["results.jsonl", "heatmaps.bin", "attention.bin"];
    const whole = files.map((name) => Deno.readFileSync(`${folder}/${name}`));
    const random = new Random(6);
    for (let i = 0; i < 60; i++) {
      const damaged = damage(whole[2]! as Uint8Array<ArrayBuffer>, random);
      await Deno.writeFile(`${folder}/attention.bin`, damaged);
      const equal = equalUpTo(whole[2]!, damaged);
      const count = ends.filter((end) => end <= equal).length;
      assertEquals(await write(samples.slice(count).flat()), count);
      files.forEach((name, at) => assertEquals(Deno.readFileSync(`${folder}/${name}`), whole[at]));
    }
    // A failed sample leaves attention behind, which the next attempt removes.
    await write([scored(0, "a"), { ...failed, id: "s0", index: 0, setting: "b" }], "overwrite");
    await write(samples[1]!);
    assertEquals(await write(samples[0]!, "retry"), 1);
    const records = await Array.fromAsync(readHeatmaps(`${folder}/attention.bin`));
    assertEquals(records.map(({ heatmap: { id } }) => id), ["s1", "s0"]);
    assertEquals(await write([], "overwrite"), 0);
    assertEquals((await Deno.stat(`${folder}/attention.bin`)).size, 0);
  }));

/** Sets bytes to zero, as in a file whose size reached the disk before its contents. */
function zeroed(bytes: Uint8Array<ArrayBuffer>, from: number, to = bytes.length) {
  return bytes.slice().fill(0, from, to);
}

/**
 * Damages bytes as a power cut may: cut, zeroed at the end or inside, extended by zeros, or whole.
 */
function damage(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const [at, end] = [0, 0].map(() => random.integer(0, bytes.length)).sort((a, b) => a - b) as [
    number,
    number,
  ];
  const kinds = [
    () => bytes.slice(0, at),
    () => zeroed(bytes, at),
    () => zeroed(bytes.slice(0, end), at),
    () => zeroed(bytes, at, end),
    () => Uint8Array.from([...bytes.subarray(0, end), ...new Uint8Array(at)]),
    () => bytes,
  ];
  return kinds[random.integer(0, kinds.length - 1)]!();
}

/** Returns the length of the common beginning of two arrays. */
function equalUpTo(one: Uint8Array, other: Uint8Array): number {
  const at = one.findIndex((byte, i) => byte !== other[i]);
  return at < 0 ? one.length : at;
}

Deno.test("RunFolder says which earlier results are computed again", () =>
  inFolder(async (folder) => {
    await run(folder, [scored(0), scored(1), scored(2)]);
    const notices = async (done: string[]) => {
      const notices: string[] = [];
      const again = await RunFolder.lock(folder, (notice) => notices.push(notice));
      assertEquals([...await again.begin(RECORD, "resume", () => {})], done);
      await again.close();
      return notices;
    };
    const lines = (await Deno.readFile(`${folder}/results.jsonl`)) as Uint8Array<ArrayBuffer>;
    const end = lines.indexOf(10) + 1;
    assertEquals(await notices(["s0", "s1", "s2"]), []);
    await Deno.writeFile(`${folder}/results.jsonl`, zeroed(lines, end, end + 9));
    assertEquals(await notices(["s0"]), [
      `Line 2 of "${folder}/results.jsonl" has zeros, as a power cut leaves them. The run goes on ` +
      "before it.",
    ]);
    await Deno.writeFile(`${folder}/results.jsonl`, lines);
    assertEquals(await notices(["s0"]), [
      `"${folder}/heatmaps.bin" ends before the heatmap of "s1", as a power cut leaves it: ` +
      "samples from there on are computed again (2).",
    ]);
    await Deno.writeFile(`${folder}/results.jsonl`, lines);
    await Deno.remove(`${folder}/heatmaps.bin`);
    assertEquals((await notices([])).length, 1);
  }));

Deno.test("RunFolder closes the gaps that tried samples leave among the heatmaps", () =>
  inFolder(async (folder) => {
    const record = { ...RECORD, variants: ["a", "b"] };
    const half: SampleResult = { ...failed, setting: "b" };
    const first = [scored(0, "a"), scored(0, "b"), scored(1, "a"), half, scored(2, "a")];
    await run(folder, [...first, scored(2, "b")], record);
    assertEquals(await heatmaps(folder), ["s0a", "s0b", "s1a", "s2a", "s2b"]);
    const again = [scored(1, "a"), scored(1, "b")];
    assertEquals(await run(folder, again, record, "retry"), ["s0", "s2"]);
    assertEquals(await heatmaps(folder), ["s0a", "s0b", "s2a", "s2b", "s1a", "s1b"]);
    using index = await HeatmapIndex.open(`${folder}/heatmaps.bin`);
    assertEquals(await index.get(scored(2, "a")), stored(scored(2, "a")));
  }));

Deno.test("RunFolder drops a torn end that got line ends, and names a torn line before", () =>
  inFolder(async (folder) => {
    await run(folder, [scored(0)]);
    const line = await read(folder);
    for (const end of ["\0\0\0\n", "\0\0\n\0\n", '{"id":\n\x07\n\n"']) {
      await Deno.writeTextFile(`${folder}/results.jsonl`, line + end);
      assertEquals((await Array.fromAsync(readResults(`${folder}/results.jsonl`))).length, 1);
      assertEquals(await run(folder), ["s0"]);
      assertEquals(await read(folder), line);
    }
    for (const bad of ["{}", "null", '{"id":"s1","status":"scored","cnr":"1"}', "[1]"]) {
      await Deno.writeTextFile(`${folder}/results.jsonl`, `${line}${bad}\n${line}`);
      await assertRejects(() => run(folder), SyntaxError, "Cannot read line 2 of");
    }
    await Deno.writeTextFile(`${folder}/results.jsonl`, `${line}\0\0\n${line}`);
    await assertRejects(
      () => Array.fromAsync(readResults(`${folder}/results.jsonl`)),
      SyntaxError,
      "has zeros, as a power cut leaves them; the same eval with the folder as --out",
    );
  }));

Deno.test("RunFolder begins anew where nothing but a damaged record is left, and else refuses", () =>
  inFolder(async (folder) => {
    await run(folder, [scored(0)]);
    const record = await Deno.readTextFile(`${folder}/run.json`);
    const lines = await read(folder);
    for (
      const damaged of ["", "\0".repeat(99), record.slice(0, 40), record.slice(0, 40) + "\0\0"]
    ) {
      for (const rest of ["", "\0\0\0"]) {
        await Deno.writeTextFile(`${folder}/run.json`, damaged);
        await Deno.writeTextFile(`${folder}/results.jsonl`, rest);
        await Deno.writeTextFile(`${folder}/heatmaps.bin`, rest);
        assertEquals(await run(folder, [scored(0)]), []);
        assertEquals(await Deno.readTextFile(`${folder}/run.json`), record);
      }
      await Deno.writeTextFile(`${folder}/run.json`, damaged);
      await assertRejects(() => run(folder), Error, "choose another --out, or --overwrite");
      assertEquals(await read(folder), lines);
    }
    // A file system may append zeros to a complete file.
    await Deno.writeTextFile(`${folder}/run.json`, `${record}\0\0\0`);
    assertEquals(await run(folder), ["s0"]);
    assertEquals(await Deno.readTextFile(`${folder}/run.json`), record);
  }));

Deno.test("RunFolder takes a sample for done once every variant has its result", () =>
  inFolder(async (folder) => {
    const record = { ...RECORD, variants: ["a", "b"] };
    await run(folder, [scored(0, "a"), scored(0, "b"), failed, scored(2, "a")], record);
    assertEquals(await run(folder, [], record), ["s0", "s1"]);
    assertEquals((await read(folder)).split("\n").length, 4);
    assertEquals(await heatmaps(folder), ["s0a", "s0b"]);
  }));

Deno.test("RunFolder names the differences from an earlier run and leaves its results", () =>
  inFolder(async (folder) => {
    await run(folder, [scored(0)]);
    const before = await read(folder);
    const other = { ...RECORD, facts: { settings: { steps: 50, layers: [3, 5] } } };
    const error = await assertRejects(() => run(folder, [], other), Error);
    for (const part of ["settings.steps (300, here 50)", "settings.layers ([3,4], here [3,5])"]) {
      assert(error.message.includes(part), error.message);
    }
    assertMatch(error.message, /margin \("excluded", here none\)/);
    const shard = { ...RECORD, shard: { number: 1, count: 2 } };
    await assertRejects(() => run(folder, [], shard), Error, "shard.number (none, here 1)");
    await assertRejects(() => run(folder, [], RECORD, "refuse"), Error, "already holds results");
    assertEquals(await read(folder), before);
    assertEquals(await run(folder, [scored(3)], other, "overwrite"), []);
    assertEquals(await run(folder, [], other), ["s3"]);
  }));

Deno.test("RunFolder refuses results that it does not know the run of", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/results.jsonl`, "precious\n");
    await assertRejects(() => run(folder), Error, "no run.json that says of what");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["results.jsonl"]);
    await Deno.writeTextFile(`${folder}/run.json`, '{"facts":');
    await assertRejects(() => run(folder), SyntaxError, "does not say what was run");
    assertEquals(await read(folder), "precious\n");
  }));

Deno.test("RunFolder runs only failed samples again", () =>
  inFolder(async (folder) => {
    await run(folder, [scored(0), failed, scored(2)]);
    assertEquals(await run(folder), ["s0", "s1", "s2"]);
    assertEquals(await run(folder, [scored(1)], RECORD, "retry"), ["s0", "s2"]);
    assertEquals(await run(folder), ["s0", "s2", "s1"]);
  }));

Deno.test("RunFolder leaves no tables of a run that is overwritten", () =>
  inFolder(async (folder) => {
    const summarize = async (earlier: Earlier, tables: Record<string, string>) => {
      const run = await RunFolder.lock(folder, () => {});
      await run.begin(RECORD, earlier, () => {});
      await run.summarize({}, tables);
      await run.close();
      return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    };
    const common = ["heatmaps.bin", "results.jsonl", "run.json", "summary.json"];
    assertEquals(await summarize("resume", { "ablation.md": "" }), ["ablation.md", ...common]);
    assertEquals(await summarize("overwrite", { "table.md": "" }), [...common, "table.md"]);
  }));

Deno.test("RunFolder is one run's at a time, and free again once that has ended", () =>
  inFolder(async (folder) => {
    const first = await RunFolder.lock(folder, () => {});
    await first.begin(RECORD, "resume", () => {});
    await first.writeHeatmaps([stored(scored(0))]);
    await first.write([scored(0)]);
    await assertRejects(() => run(folder), Error, "another run is writing there");
    await first.close();
    assertEquals(await run(folder), ["s0"]);
  }));

Deno.test("RunFolder leaves nothing of a run without results", () =>
  inFolder(async (folder) => {
    await run(folder);
    assertEquals([...Deno.readDirSync(folder)], []);
  }));

Deno.test("mergeRuns() puts shards in the dataset's order and names faults", () =>
  inFolder(async (folder) => {
    const shard = (number: number) => ({
      ...RECORD,
      shard: { number, count: 2 },
      plan: RECORD.plan.filter(({ index }) => index % 2 === number - 1),
    });
    const [one, two] = [`${folder}/1`, `${folder}/2`];
    await run(one, [scored(0), scored(2)], shard(1));
    await run(two, [failed, scored(3)], shard(2));
    for (const folders of [[one, two], [two, one]]) {
      const { record, results, heatmaps } = await mergeRuns(folders);
      const ids = (await Array.fromAsync(heatmaps)).map(({ id }) => id);
      assertEquals(ids, ["s0", "s2", "s3"]);
      assertEquals(record, RECORD);
      assertEquals(results.map(({ id }) => id), ["s0", "s1", "s2", "s3"]);
    }
    const refuses = (folders: string[], message: string) =>
      assertRejects(() => mergeRuns(folders), RangeError, message);
    await refuses([one], "of 2 shards, missing: 2");
    await refuses([one, two, two], "shard 2 of 2 is in");
    const whole = await Deno.readFile(`${two}/heatmaps.bin`);
    await Deno.writeFile(`${two}/heatmaps.bin`, whole.subarray(1));
    await assertRejects(() => mergeRuns([one, two]), SyntaxError, 'heatmap of "s3", found none');
    await Deno.writeFile(`${two}/heatmaps.bin`, whole);
    await Deno.writeTextFile(`${two}/results.jsonl`, JSON.stringify(failed) + "\n");
    await refuses([one, two], `there is no result of s3 (${two}); the same eval of a shard`);
    await run(two, [scored(3), scored(0)], shard(2));
    await refuses([one, two], "there is more than one result of s0");
    const other = { ...shard(2), facts: { ...RECORD.facts, margin: "zero" } };
    await run(two, [], other, "overwrite");
    await refuses([one, two], "differs from that of");
    await assertRejects(() => mergeRuns([`${folder}/3`]), Deno.errors.NotFound, "Cannot read");
  }));

Deno.test("differences() finds nothing between equal runs", () => {
  assertEquals(differences(RECORD, structuredClone(RECORD)), []);
});
