import "../../base/host/deno/mod.ts";
import { assertAlmostEquals, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Random } from "../../base/random.ts";
import { quantile } from "../../base/sort_floats.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { Run } from "../../runs/run.ts";
import { inFolder } from "../../tests/support/command.ts";
import type { GroupChoice } from "./group_by.ts";
import { scoreGroups } from "./group_scores.ts";
import { describeGroups } from "./group_tables.ts";
import { readMetadata } from "./metadata.ts";

/** Scored samples of predicted boxes, whose size the run knows. */
function samplesOf(images: readonly string[]): SampleResult[] {
  return images.map((image, i) => ({
    ...{ id: `d${i}#1`, index: i, image, phrase: "edema", category: "Edema", threshold: null },
    boxes: i % 3 === 0 ? [[0, 0, 10, 10 * (i + 1)], [50, 0, 10, 10]] : [[0, 0, 10, 5 * i]],
    ...{ imageSize: { width: 100, height: 100 }, predicted: [] },
    ...{ absCnr: NaN, cnr: NaN, miou: (i * 7 % 11) / 11, aucRoc: NaN, status: "scored" },
  }));
}

/** Joins a table, and gives the values of column `v` by the number of the sample. */
async function join(images: readonly string[], csv: string, key?: string) {
  return await inFolderWith(csv, async (path) => {
    const found = await readMetadata(path, samplesOf(images), key, () => ["v"]);
    const values = images.map((_, i) => [...found.values.get(`d${i}#1`)?.get("v") ?? []].join());
    return { key: found.key, kind: found.kind, values, faults: found.faults };
  });
}

async function inFolderWith<T>(csv: string, work: (path: string) => Promise<T>): Promise<T> {
  let result: T | undefined;
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/meta.csv`, csv);
    result = await work(`${folder}/meta.csv`);
  });
  return result!;
}

const MIMIC = [
  "mimic/files/p10/p10000001/s50000001/aa-1.jpg",
  "mimic/files/p10/p10000001/s50000002/bb-2.jpg",
  "mimic/files/p11/p11000002/s50000003/cc-3.jpg",
];

Deno.test("readMetadata() joins by ids of images, studies and patients, the most samples first", async () => {
  for (
    const [csv, kind, values] of [
      ["dicom_id,v\naa-1,x\ncc-3,y\nzz,z\n", "image", ["x", "", "y"]],
      ["Path,v\nfiles/p10/p10000001/s50000002/bb-2.dcm,x\n", "image", ["", "x", ""]],
      ["ImageID,v\nbb-2.png,x\n", "image", ["", "x", ""]],
      ["image,v\nd2,x\n", "image", ["", "", "x"]],
      ["study_id,v\n50000002,x\ns50000003,y\n", "study", ["", "x", "y"]],
      ["subject_id,v\n10000001.0,x\np11000002,y\n", "patient", ["x", "x", "y"]],
      ["dicom_id,subject_id,v\nzz,10000001,x\naa-1,1,y\n", "patient", ["x", "x", ""]],
      ["subject_id,v\n10000001,x\n10000001,y\n11000002,z\n11000002,z\n", "patient", [
        "x,y",
        "x,y",
        "z",
      ]],
      ["subject_id;v\n10000001;x\n", "patient", ["x", "x", ""]],
    ] as const
  ) {
    const found = await join(MIMIC, csv);
    assertEquals([csv, found.kind, found.values], [csv, kind, values]);
  }
  const own = await join(MIMIC, "wherever,v\np10000001,x\n", "wherever");
  assertEquals([own.key, own.kind, own.values], ["wherever", "patient", ["x", "x", ""]]);
});

Deno.test("readMetadata() joins a name with samples whose paths differ in folders", async () => {
  const { values } = await join(["set/a.png", "a.png", "set/b.png"], "image,v\na.png,x\n");
  assertEquals(values, ["x", "x", ""]);
});

Deno.test("readMetadata() takes no image of another folder for one of the same name", async () => {
  const images = ["train/patient00001/study1/view1.jpg", "train/patient00002/study1/view1.jpg"];
  const csv = "Path,v\nCheXpert/train/patient00002/study1/view1.jpg,x\n" +
    "CheXpert/train/patient00009/study1/view1.jpg,y\n";
  assertEquals((await join(images, csv)).values, ["", "x"]);
});

Deno.test("readMetadata() names rows that cannot be read, and refuses a table that joins nothing", async () => {
  const { values, faults } = await join(MIMIC, "dicom_id,v\naa-1,x,extra\nbb-2,y\n");
  assertEquals(values, ["", "y", ""]);
  assertMatch(`${faults.count} ${faults.first}`, /^1 line 2: the row has 3 fields/);
  for (
    const [csv, key, message] of [
      ["dicom_id,v\nzz,x\n", undefined, /by "dicom_id": no row is of a sample, such as "d0#1" of/],
      ["number,v\n1,x\n", undefined, /no column is named like an id .*\(found: number, v\); --key/],
      ["dicom_id,v\naa-1,x\n", "id", /it has no column "id" \(found: dicom_id, v\)$/],
    ] as const
  ) {
    const error = await assertRejects(() => join(MIMIC, csv, key), Error);
    assertMatch(error.message, message);
  }
});

/** Writes a run of boxes, and scores its groups. */
async function withRun(
  samples: readonly SampleResult[],
  csv: string | undefined,
  choice: Pick<GroupChoice, "by" | "key">,
) {
  let found: Awaited<ReturnType<typeof scoreGroups>> | undefined;
  await inFolder(async (folder) => {
    const methods = { boxes: { predictions: { sha256: "x" } } };
    const facts = { method: "boxes", methods, dataset: { kind: "csv" }, margin: "excluded" };
    const plan = samples.map(({ id, index }) => ({ id, index }));
    await Deno.writeTextFile(`${folder}/run.json`, JSON.stringify({ facts, variants: [""], plan }));
    const lines = samples.map((sample) => JSON.stringify(sample) + "\n");
    await Deno.writeTextFile(`${folder}/results.jsonl`, lines.join(""));
    if (csv !== undefined) await Deno.writeTextFile(`${folder}/meta.csv`, csv);
    using run = await Run.open(folder);
    const groups = csv === undefined ? undefined : `${folder}/meta.csv`;
    found = await scoreGroups(run, { ...choice, groups });
  });
  return found!;
}

const IMAGES = Array.from({ length: 14 }, (_, i) => `files/p10/p100000${10 + i % 6}/s5/i${i}.png`);

Deno.test("scoreGroups() repeats plain means, and plain draws of patients", async () => {
  const samples = samplesOf(IMAGES);
  const sexes = IMAGES.map((_, i) => i === 13 ? "" : i % 6 < 2 ? "F" : "M");
  const csv = "image,sex\n" +
    IMAGES.map((image, i) => i === 12 ? "" : `${image},${sexes[i]}\n`).join("");
  const found = await withRun(samples, csv, { by: ["sex"] });
  const of = IMAGES.map((_, i) => i >= 12 ? "unknown" : sexes[i]!);
  const miou = (i: number) => (samples[i] as { miou: number }).miou;
  assertEquals([found.unit, found.units, found.unjoined], ["patient", 6, ["d12#1"]]);
  const [{ groups, gaps }] = found.tables as [typeof found.tables[0]];
  assertEquals(groups.map(({ group, samples, units }) => [group, samples, units]), [
    ["F", 4, 2],
    ["M", 8, 4],
    ["unknown", 2, 2],
    ["All", 14, 6],
  ]);
  const mean = (name: string, weight: (i: number) => number) => {
    let [sum, count] = [0, 0];
    of.forEach((own, i) => {
      if (name !== "All" && own !== name) return;
      sum += weight(i) * miou(i);
      count += weight(i);
    });
    return sum / count;
  };
  const random = new Random(0);
  const draws = Array.from({ length: 2000 }, () => {
    const weights = new Array<number>(6).fill(0);
    for (let k = 0; k < 6; k++) weights[random.integer(0, 5)]!++;
    return (name: string) => mean(name, (i) => weights[i % 6]!);
  });
  const interval = (statistic: (draw: typeof draws[0]) => number) => {
    const values = Float64Array.from(draws, statistic).filter((value) => !Number.isNaN(value))
      .sort();
    return [quantile(values, 0.025), quantile(values, 0.975)];
  };
  for (const { group, numbers } of groups) {
    const { value, low, high } = numbers.miou!;
    assertAlmostEquals(value, mean(group, () => 1), 1e-12);
    const [from, to] = interval((draw) => draw(group));
    assertAlmostEquals(low!, from!, 1e-12);
    assertAlmostEquals(high!, to!, 1e-12);
    assertEquals(Object.keys(numbers), ["miou"]);
  }
  const [gap] = gaps;
  const order = ["F", "M"].sort((one, other) => mean(one, () => 1) - mean(other, () => 1));
  assertEquals([gaps.length, gap!.worst, gap!.best], [1, ...order]);
  assertAlmostEquals(gap!.value, mean(order[1]!, () => 1) - mean(order[0]!, () => 1), 1e-12);
  const [from, to] = interval((draw) => draw(order[1]!) - draw(order[0]!));
  assertAlmostEquals(gap!.low!, from!, 1e-12);
  assertAlmostEquals(gap!.high!, to!, 1e-12);
});

Deno.test("scoreGroups() shows a group of one patient without an interval, and out of the gap", async () => {
  const csv = "subject_id,site\n" +
    [10, 11, 12, 13, 14, 15].map((n, i) => `100000${n},${"aabbbc"[i]}\n`).join("");
  const { tables: [table] } = await withRun(samplesOf(IMAGES), csv, { by: ["site"] });
  const last = table!.groups.at(-2)!;
  assertEquals([last.group, last.samples, last.units], ["c", 2, 1]);
  assertEquals(Object.keys(last.numbers.miou!), ["value"]);
  assertEquals(table!.gaps.some(({ worst, best }) => worst === "c" || best === "c"), false);
});

Deno.test("groupSamples() bands ages, areas and long columns of numbers, and states the bands", async () => {
  const ages = [
    "17",
    "018Y",
    "39.9",
    "40",
    "006M",
    "80",
    "old",
    "",
    "-1",
    "59",
    "60",
    "79Y",
    "nan",
    "99",
  ];
  const csv = "image,PatientAge,bmi\n" +
    IMAGES.map((image, i) => `${image},${ages[i]},${20 + i}\n`).join("");
  const { tables, notes } = await withRun(samplesOf(IMAGES), csv, {
    by: ["age", "bmi", "area", "boxes"],
  });
  const counts = (by: string) =>
    tables.find((table) => table.by === by)!.groups
      .map(({ group, samples }) => `${group}: ${samples}`);
  assertEquals(counts("age"), [
    ...["under 18: 2", "18 to under 40: 2", "40 to under 60: 2", "60 to under 80: 2"],
    ...["80 and more: 2", "unknown: 4", "All: 14"],
  ]);
  assertEquals(counts("bmi"), [
    ...["under 23: 3", "23 to under 27: 4", "27 to under 30: 3", "30 and more: 4", "All: 14"],
  ]);
  assertEquals(counts("area"), [
    ...[
      "under 2 %: 2",
      "2 to under 5 %: 5",
      "5 to under 10 %: 5",
      "10 to under 20 %: 2",
      "All: 14",
    ],
  ]);
  assertEquals(counts("boxes"), ["1: 9", "2: 5", "All: 14"]);
  assertMatch(notes.join("\n"), /Bands of age: under 18, 18 to under 40, .* and more \(years\)\./);
  assertMatch(notes.join("\n"), /2 samples have an age that cannot be read\./);
});

Deno.test("groupSamples() needs no file for the run's own facts, and refuses unknown columns", async () => {
  const samples = samplesOf(IMAGES);
  const alone = await withRun(samples, undefined, { by: ["boxes"] });
  assertEquals(alone.tables.map(({ by }) => by), ["boxes"]);
  assertMatch(describeGroups(alone).join("\n"), /^Means over the samples of a group\./);
  const csv = "image,Gender,id\n" + IMAGES.map((image, i) => `${image},M,${i}x\n`).join("");
  const standard = await withRun(samples, csv, { by: [] });
  assertEquals(standard.tables.map(({ by }) => by), ["sex", "area", "boxes"]);
  for (
    const [given, by, message] of [
      [
        undefined,
        ["sex"],
        /^Option "--by sex" needs "--groups FILE"; without it --by knows area, boxes$/,
      ],
      [
        csv,
        ["age"],
        /^Option "--by age": ".*meta\.csv" has no such column \(found: image, Gender, id\)$/,
      ],
    ] as const
  ) {
    const error = await assertRejects(() => withRun(samples, given, { by }), Error);
    assertMatch(error.message, message);
  }
  const many = samplesOf(Array.from({ length: 60 }, (_, i) => `files/p10/p10000010/s5/i${i}.png`));
  const ids = "image,id\n" + many.map(({ image }, i) => `${image},${i}x\n`).join("");
  const error = await assertRejects(() => withRun(many, ids, { by: ["id"] }), Error);
  assertMatch(error.message, /the column has 60 values, expected at most 50$/);
});
