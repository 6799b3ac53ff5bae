import "../base/host/deno/mod.ts";
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { openDataset } from "../datasets/open_dataset.ts";
import { PROTOCOLS } from "../scoring/protocols.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { copy } from "./support/copy.ts";
import { testGpu } from "./support/gpu.ts";
import { assertSameFiles, makeSet } from "./support/set.ts";

const QUICK = ["--dataset", "set", "--steps", "10", "--noise", "sample"];

const BOTH = new URL("old_runs/fixture/both", import.meta.url).pathname;

const FILES = ["results.jsonl", "heatmaps.bin", "run.json"];

/** Every protocol but the last; the option is given twice. */
const SOME = ["--protocol", "paper,biovil,per-box", "--protocol", "pointing-game"];

Deno.test("rescore comes to the bytes of eval, as the run was and with every choice made anew", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 5);
    const evaluate = (...args: string[]) =>
      runCommand("eval", [...QUICK, "--device", "cpu", ...args], folder);
    const again = (...args: string[]) => runCommand("rescore", args, folder);
    const first = await evaluate("--out", "first");
    assertEquals(first.code, 3, first.stderr);
    // Rescoring needs neither the images nor the model.
    await Deno.rename(`${folder}/set`, `${folder}/away`);
    const same = await again("first", "--out", "same");
    assertEquals(same.code, 3, same.stderr);
    await Deno.rename(`${folder}/away`, `${folder}/set`);
    const tables = ["table.md", "table.tex", "table.csv"];
    await assertSameFiles(`${folder}/first`, `${folder}/same`, [...FILES, ...tables]);
    const table = (text: string) => text.slice(0, text.indexOf("Results:"));
    assertEquals(table(same.stdout), table(first.stdout));

    const other = ["--sigma", "20", "--no-otsu", "--margin", "zero", ...SOME];
    await evaluate(...other, "--out", "other");
    const changed = await again("first", ...other, "--out", "changed");
    assertEquals(changed.code, 3, changed.stderr);
    const protocols = ["protocols.md", "protocols.tex", "protocols.csv"];
    const files = [...FILES, ...tables, ...protocols];
    await assertSameFiles(`${folder}/other`, `${folder}/changed`, files);
    // A rescored run can be rescored back to the original results.
    const back = ["--sigma", "2.5", "--otsu", "--margin", "excluded", "--protocol", "paper"];
    await again("changed", ...back, "--out", "back");
    await assertSameFiles(`${folder}/first`, `${folder}/back`, [...FILES, ...tables]);
    const on = await evaluate(...other, "--out", "changed");
    assertEquals(table(on.stdout), table(changed.stdout));
  }));

Deno.test("rescore of several settings keeps each setting's Otsu, and refuses one for all", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 3);
    const settings = ["--setting", "mine:3-7:all:none", "--setting", "more:4:all:otsu"];
    const args = [...QUICK, "--device", "cpu", ...settings];
    await runCommand("eval", [...args, "--out", "first"], folder);
    await runCommand("eval", [...args, ...SOME, "--out", "more"], folder);
    const again = (...args: string[]) => runCommand("rescore", ["first", ...args], folder);
    const { code, stderr } = await again(...SOME, "--out", "again");
    assertEquals(code, 3, stderr);
    const files = [...FILES, "ablation.csv", "ablation.md", "protocols.csv"];
    await assertSameFiles(`${folder}/more`, `${folder}/again`, files);
    const refused = await again("--no-otsu", "--out", "refused");
    assertEquals(refused.code, 1);
    assertMatch(refused.stderr, /each of its 3 settings says for itself\n$/);
    const cases: [string[], RegExp][] = [
      [["--out", "first/"], /another folder than RESULTS/],
      [["--otsu", "--no-otsu", "--out", "x"], /exclude each other/],
      [["--protocol", "mine", "--out", "x"], /must be some of paper, per-box, .*, got "mine"/],
      [["second", "--out", "x"], /Expected one RESULTS, got "second" too/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await again(...args);
      assertEquals(code, 2, stderr);
      assertMatch(stderr, message);
    }
    // A truncated heatmap file must not give results without heatmaps.
    await copy(`${folder}/first`, `${folder}/cut`);
    await Deno.truncate(`${folder}/cut/heatmaps.bin`, 100);
    const cut = await runCommand("rescore", ["cut", "--out", "y"], folder);
    assertEquals(cut.code, 1);
    assertMatch(cut.stderr, /error: Cannot read "cut\/heatmaps\.bin": expected a whole record/);
  }));

/** Protocols of other papers, for heatmaps, boxes and phrases with nothing to find. */
const OTHERS = "aep,chex,union,rec,medfocus,set-f1,ap,froc,pq,existence,n-acc,t-acc,f1-one," +
  "calibration,detection";

/** Writes the phantoms of `set` as PadChest-GR, with a negative sentence an image, and boxes. */
async function writeReports(folder: string): Promise<void> {
  const { items } = await openDataset(`${folder}/set`);
  const studies = new Map<string, object[]>();
  const predicted: object[] = [];
  for await (const item of items) {
    if (item.kind === "failure") continue;
    const { image, phrase, boxes, category, imageSize } = item.sample;
    const { width, height } = imageSize!;
    const findings = studies.get(image) ?? [{ sentence_en: "No fracture.", abnormal: false }];
    const corners = boxes.map(([x, y, w, h]) => [
      ...[x / width, y / height, (x + w) / width, (y + h) / height],
    ]);
    const extra = corners.map(([left, ...others]) => [left! / 2, ...others]);
    const finding = { sentence_en: phrase, abnormal: true, boxes: corners, labels: [category] };
    // The second reader leaves out the first phrase, and marks a box without a size in the second.
    const others = predicted.length === 1 ? [[0.5, 0.5, 0.5, 0.5]] : extra;
    findings.push(predicted.length === 0 ? finding : { ...finding, extra_boxes: others });
    studies.set(image, findings);
    predicted.push({ image, phrase, boxes: boxes.map(([x, y, w, h]) => [x + 4, y, w, h]) });
  }
  const reports = [...studies].map(([image, findings]) => ({
    ...{ StudyID: image, ImageID: image.slice(image.indexOf("files/")), findings },
  }));
  await Deno.writeTextFile(`${folder}/set/grounded_reports_1.json`, JSON.stringify(reports));
  await Deno.writeTextFile(`${folder}/predicted.json`, JSON.stringify(predicted));
}

Deno.test("rescore by protocols of others comes to the bytes of eval, negative sentences included", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 3);
    await writeReports(folder);
    const reports = ["--dataset", "set/grounded_reports_1.json", "--images", "set"];
    const methods = ["--method", "ldm,boxes", "--predictions", "predicted.json"];
    const args = [...reports, ...methods, ...QUICK.slice(2), "--device", "cpu"];
    const first = await runCommand("eval", [...args, "--protocol", OTHERS, "--out", "a"], folder);
    assertEquals(first.code, 3, first.stderr);
    const again = async (source: string, protocols: string, out: string) => {
      const args = [source, "--protocol", protocols, "--out", out];
      const { code, stderr } = await runCommand("rescore", args, folder);
      assertEquals(code, 3, stderr);
    };
    await again("a", "paper", "b");
    await again("b", OTHERS, "c");
    await assertSameFiles(`${folder}/a`, `${folder}/c`, [
      ...FILES,
      "protocols.md",
      "protocols.csv",
    ]);
    const results = (await Deno.readTextFile(`${folder}/a/results.jsonl`)).trim().split("\n")
      .map((line) => JSON.parse(line));
    const boxed = results.filter(({ setting, status }) =>
      setting === "boxes" && status === "scored"
    );
    const read = boxed.filter(({ otherBoxes }) => otherBoxes);
    assertEquals(boxed.length - read.length, 2);
    assertMatch(
      boxed[1].notes.join(),
      /the second reader's boxes are left out: box .* has no size/,
    );
    const negative = results.filter((result) => result.negative);
    assert(negative.length > 2);
    for (const { status, phrase, boxes, protocols } of negative) {
      assertEquals([status, phrase, boxes], ["grounded", "No fracture.", []]);
      assertEquals(protocols.existence[0].present, 0);
      assertEquals([protocols["n-acc"].length, protocols.union.length], [1, 0]);
    }
    const { facts } = JSON.parse(await Deno.readTextFile(`${folder}/a/run.json`));
    assertEquals([facts.protocolVersions.aep, facts.dataset.negatives > 0], [2, true]);
    const rows = await Deno.readTextFile(`${folder}/a/protocols.csv`);
    assertMatch(rows, /^existence,boxes,All,auroc_peak,%,100,/m);
    assertMatch(rows, /^union,ldm,All,iou_union,%,\d/m);
    assertEquals(/^aep,boxes/m.test(rows), false);
    const readers = [
      ...rows.matchAll(
        /^union,(Reader . against reader .),All,iou_union,%,([\d.]+),.*,(\d+)\r?$/gm,
      ),
    ]
      .map(([, name, value, count]) => [name, Number(value), Number(count)] as const);
    assertEquals(readers.map(([name, , count]) => [name, count]), [
      ["Reader 2 against reader 1", read.length],
      ["Reader 1 against reader 2", read.length],
    ]);
    const iou = read.map(({ boxes, otherBoxes, imageSize: { width, height } }) => {
      const isIn = (at: number, boxes: number[][]) =>
        boxes.some(([x, y, w, h]) => {
          const [column, row] = [at % width, Math.floor(at / width)];
          return column >= x! && column < x! + w! && row >= y! && row < y! + h!;
        });
      let [both, either] = [0, 0];
      for (let i = 0; i < width * height; i++) {
        both += Number(isIn(i, boxes) && isIn(i, otherBoxes));
        either += Number(isIn(i, boxes) || isIn(i, otherBoxes));
      }
      return both / either;
    });
    const mean = iou.reduce((sum, value) => sum + value, 0) / iou.length;
    for (const [, value] of readers) assertAlmostEquals(value, 100 * mean, 1e-9);
    const summary = JSON.parse(await Deno.readTextFile(`${folder}/a/summary.json`));
    assertEquals(Object.keys(summary.readers), readers.map(([name]) => name));
    assertMatch(
      await Deno.readTextFile(`${folder}/a/table.md`),
      /the \d+ scored samples that both marked: the ceiling[^]*\| Reader 2 against reader 1 \|/,
    );
    const plain = JSON.parse(await Deno.readTextFile(`${folder}/b/run.json`));
    assertEquals(plain.facts.protocolVersions, undefined);
  }));

Deno.test("rescore --lift dhs reports differences, and goes back to the bytes before", () =>
  inFolder(async (folder) => {
    const run = (command: string, ...args: string[]) => runCommand(command, args, folder);
    const protocols = ["--protocol", "pointing-game,aep,existence,union"];
    await run("rescore", BOTH, ...protocols, "--out", "plain");
    const { code, stdout, stderr } = await run(
      ...["rescore", "plain", "--lift", "dhs", "--out", "lifted"] as const,
    );
    assertEquals(code, 3, stderr);
    assertMatch(stdout, /ldm, lifted against ldm, unlifted, protocol aep\./);
    const { facts } = JSON.parse(await Deno.readTextFile(`${folder}/lifted/run.json`));
    assertEquals(facts.lift, { name: "dhs", slope: 96, least: 0.001, most: 0.6 });
    const valid = await run("validate", "lifted");
    assertEquals([valid.code, /^No difference in/m.test(valid.stdout)], [0, true], valid.stdout);
    const read = async (name: string) =>
      (await Deno.readTextFile(`${folder}/${name}/results.jsonl`)).trim().split("\n")
        .map((line) => JSON.parse(line)).filter(({ status }) => status === "scored");
    const [plain, lifted] = [await read("plain"), await read("lifted")];
    for (const [i, { protocols }] of lifted.entries()) {
      // The order of values stays, and existence takes the values before any scaling.
      for (const name of ["pointing-game", "existence"]) {
        assertEquals(protocols[name], plain[i].protocols[name]);
      }
      assertEquals(protocols.aep.map(({ hit }: { hit: number }) => hit), [
        ...plain[i].protocols.aep.map(({ hit }: { hit: number }) => hit),
      ]);
    }
    const comparison = JSON.parse(await Deno.readTextFile(`${folder}/lifted/comparison.json`));
    const of = (results: { setting: string; miou: number }[]) => {
      const own = results.filter(({ setting }) => setting === "ldm").map(({ miou }) => miou);
      return own.reduce((sum, miou) => sum + miou, 0) / own.length;
    };
    const found = comparison.numbers.find((number: Record<string, unknown>) =>
      number.method === "ldm, lifted" && number.protocol === "paper" && number.class === "All" &&
      number.score === "miou"
    );
    assertAlmostEquals(found.difference, of(lifted) - of(plain), 1e-12);
    assertEquals([found.low <= found.difference, found.difference <= found.high], [true, true]);
    assert(found.difference !== 0);
    await run("rescore", "lifted", "--lift", "none", "--out", "back");
    await assertSameFiles(`${folder}/plain`, `${folder}/back`, [...FILES, "protocols.csv"]);
    const refused = await run("rescore", "lifted", "--lift", "more", "--out", "x");
    assertMatch(refused.stderr, /Option "--lift" must be one of none, dhs, got "more"/);
  }));

Deno.test("rescore of heatmaps of the GPU differs no more than GPU and CPU do", async () => {
  await testGpu();
  await inFolder(async (folder) => {
    await makeSet(folder, 3);
    // A box that gains or loses a pixel changes more than its heatmap.
    const smooth = Object.keys(PROTOCOLS).filter((name) => !OTHERS.split(",").includes(name));
    const protocols = ["--protocol", smooth.join(",")];
    const args = [...QUICK, ...protocols, "--device", "gpu", "--runtime", "native"];
    const { code, stderr } = await runCommand("eval", [...args, "--out", "first"], folder);
    assertEquals(code, 3, stderr);
    await runCommand("rescore", ["first", "--out", "again"], folder);
    const read = async (name: string) =>
      (await Deno.readTextFile(`${folder}/${name}/results.jsonl`)).trim().split("\n")
        .map((line) => JSON.parse(line));
    const [first, again] = [await read("first"), await read("again")];
    const numbers = (value: unknown): number[] =>
      typeof value === "number"
        ? [value]
        : typeof value === "object" && value
        ? Object.values(value).flatMap(numbers)
        : [];
    let count = 0;
    for (const [i, { threshold, ...result }] of first.entries()) {
      const { threshold: other, ...same } = again[i];
      assertEquals(same.status, result.status);
      if (result.status !== "scored") continue;
      count++;
      assertAlmostEquals(threshold, other, 1.001 / 256);
      const [a, b] = [numbers(result), numbers(same)];
      a.forEach((value, j) => assertAlmostEquals(value, b[j]!, 2e-4));
    }
    assert(count > 3);
  });
});
