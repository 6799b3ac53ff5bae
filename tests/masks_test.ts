import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { regionArea, regionOf } from "../base/region.ts";
import type { TruthMask } from "../base/truth_mask.ts";
import type { Sample } from "../datasets/sample.ts";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { gridMethod } from "../methods/grid_method.ts";
import { boxesMethod } from "../methods/boxes/score_boxes.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { decode } from "../pipeline/decode.ts";
import { evaluate, type SampleResult } from "../pipeline/evaluate.ts";
import { item } from "../pipeline/flow.ts";
import { ground } from "../pipeline/ground.ts";
import type { Method } from "../pipeline/method.ts";
import { drawRun } from "../reports/figures/run_figures.ts";
import { writeReport } from "../web/report/write_report.ts";
import { encodeRle } from "../reports/exports/rle.ts";
import { RunFolder } from "../runs/run_folder.ts";
import { scoreHeatmap } from "../scoring/score_heatmap.ts";
import { ServedRun } from "../web/server/served_run.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { fakeMethod } from "./support/fake_method.ts";
import { writeGray } from "./support/image.ts";
import { assertSameFiles } from "./support/set.ts";

const WHOLE = { crop: 512, resized: 512 };
const XRAY = drawPhantom({ seed: 4, width: 90, height: 110 });
const SIZE = { width: XRAY.width, height: XRAY.height };

/** A disc as a mask of the X-ray. */
const DISC = Uint8Array.from(
  { length: SIZE.width * SIZE.height },
  (_, i) => Math.hypot(i % SIZE.width - 40, Math.floor(i / SIZE.width) - 50) < 20 ? 1 : 0,
);

/** Writes the X-ray, a PNG of the disc, and samples with every form of a mask. */
async function makeSamples(folder: string): Promise<Sample[]> {
  await writeGray(`${folder}/xray.png`, XRAY);
  await writeGray(`${folder}/disc.png`, { ...SIZE, data: DISC.map((value) => 255 * value) });
  const png = { kind: "png", path: `${folder}/disc.png` } as const;
  const { counts } = encodeRle(DISC, SIZE);
  const truths: Record<string, readonly TruthMask[] | undefined> = {
    "box": undefined,
    "png": [png],
    "png at an offset": [{ ...png, left: 60, top: 5 }],
    "run lengths": [{ kind: "rle", counts, ...SIZE }],
    "polygon of a box": [{ kind: "polygon", polygons: [[10, 20, 50, 20, 50, 60, 10, 60]] }],
    "missing": [{ ...png, path: `${folder}/none.png` }],
    "outside": [{ kind: "polygon", polygons: [[0, 0, 90, 0, 90, 3, 0, 3]] }],
  };
  return Object.entries(truths).map(([id, masks], index) => ({
    ...{ id, index, image: `${folder}/xray.png`, phrase: "a phrase", category: "Edema" },
    boxes: masks ? [] : [[10, 20, 40, 40] as const],
    ...(masks && { masks }),
  }));
}

async function* source(samples: readonly Sample[]) {
  for (const sample of samples) yield { kind: "sample" as const, sample };
}

async function resultsOf(samples: readonly Sample[], method: Method): Promise<SampleResult[]> {
  const evaluated = await Array.fromAsync(evaluate(source(samples), { method }));
  return evaluated.map(({ result }) => result);
}

/** Evaluates samples into the folder of a run. */
async function makeRun(
  folder: string,
  samples: readonly Sample[],
  method: Method = gridMethod(fakeMethod(WHOLE, 12)),
): Promise<SampleResult[]> {
  const facts = { methods: { fake: { label: "Fake", view: WHOLE } }, margin: "excluded" };
  const protocols = ["per-box", "pointing-game"] as const;
  const run = await RunFolder.lock(`${folder}/run`, () => {});
  const plan = samples.map(({ id, index = 0 }) => ({ id, index }));
  await run.begin({ facts: { ...facts, protocols }, variants: [""], plan }, "refuse", () => {});
  const results: SampleResult[] = [];
  for await (const { result, heatmap } of evaluate(source(samples), { method }, { protocols })) {
    if (heatmap) await run.writeHeatmaps([heatmap]);
    await run.write([result]);
    results.push(result);
  }
  await run.close();
  return results;
}

/** Outlines in the page of a run, by the number of the sample's first result. */
function outlinesIn(page: string): Record<string, number[][]> {
  const elements = page.matchAll(/<script type="text\/plain" id="truth-(\d+)">(.*?)<\/script>/g);
  return Object.fromEntries([...elements].map(([, number, json]) => [number, JSON.parse(json!)]));
}

const scoresOf = (result: SampleResult | undefined) => {
  const { absCnr, cnr, miou, aucRoc } = result as Extract<SampleResult, { status: "scored" }>;
  return { absCnr, cnr, miou, aucRoc };
};

Deno.test("masks of every form are ground truth, from the evaluation to each reader of a run", () =>
  inFolder(async (folder) => {
    const samples = await makeSamples(folder);
    const results = await makeRun(folder, samples);
    const by = Object.fromEntries(results.map((result) => [result.id, result]));
    assertEquals(scoresOf(by["polygon of a box"]), scoresOf(by["box"]));
    assertEquals(scoresOf(by["run lengths"]), scoresOf(by["png"]));
    for (const { id, masks } of samples.slice(1, 5)) {
      assertEquals("masks" in by[id]! && by[id].masks, masks);
    }
    assert(!("masks" in by["box"]!));
    assertMatch(
      by["png at an offset"]!.notes![0]!,
      /reaches past the image and was cut: \d+ of its/,
    );
    const { missing, outside } = by as Record<string, { reason: string; status: string }>;
    assertEquals(
      [missing!.status, missing!.reason],
      ["failed", `Cannot read mask "${folder}/none.png": there is no such file`],
    );
    assertEquals(
      [outside!.status, outside!.reason],
      ["skipped", "its whole mask lies outside the centre square that the model sees"],
    );

    const command = async (name: string, ...args: string[]) => {
      const { code, stdout, stderr } = await runCommand(name, args, folder);
      return { code, text: stdout + stderr };
    };
    const again = await command("rescore", "run", "--out", "again");
    assertEquals(again.code, 3, again.text);
    assertMatch(again.text, /\nper-box needs boxes: 4 samples with masks as ground truth do not/);
    await assertSameFiles(`${folder}/run`, `${folder}/again`, ["results.jsonl", "run.json"]);
    const protocols = await Deno.readTextFile(`${folder}/again/protocols.md`);
    assertMatch(
      protocols,
      /per-box needs boxes: 4 samples with masks as ground truth do not count/,
    );
    assertMatch(protocols, /\| +boxes \|.* 1 \|/);
    assertMatch(await Deno.readTextFile(`${folder}/again/table.md`), /against their union/);

    const drawn = await Array.fromAsync(drawRun(`${folder}/run`, { count: 8 }));
    const figures = Object.fromEntries(drawn.map(({ name, svg }) => [name, svg]));
    assertEquals(figures["best.svg"]!.match(/<path [^>]*stroke="#00e640"/g)?.length, 4);
    assertEquals(figures["best.svg"]!.match(/<rect [^>]*stroke="#00e640"/g)?.length, 1);
    assertMatch(figures["roc.svg"]!, /share of the pixels inside the ground truth/);

    assertEquals((await command("report", "run")).code, 0);
    const page = await Deno.readTextFile(`${folder}/run/report.html`);
    const outlines = outlinesIn(page);
    assertEquals(Object.keys(outlines), ["1", "2", "3", "4", "6"]);
    assertEquals(outlines[4], [[10, 20, 50, 20, 50, 60, 10, 60]]);
    assertEquals(outlines[1], outlines[3]);
    assertEquals(outlines[6], [[0, 0, 90, 0, 90, 3, 0, 3]]);

    using served = await ServedRun.open(`${folder}/run`);
    for (const id of ["polygon of a box", "outside"]) {
      const { outline } = await served.detail(by[id]!, () => Promise.resolve(SIZE));
      assertEquals(outline, outlines[by[id]!.index!]);
    }
  }));

Deno.test("a mask that is gone costs its own sample alone, and rescore names it", () =>
  inFolder(async (folder) => {
    const samples = (await makeSamples(folder)).slice(0, 2);
    await makeRun(folder, samples);
    await Deno.remove(`${folder}/disc.png`);
    const gone = `Cannot read mask "${folder}/disc.png": there is no such file`;
    const rescored = await runCommand("rescore", ["run", "--out", "again"], folder);
    assertEquals(rescored.code, 1);
    assert(rescored.stderr.includes(`Cannot score "png" of "run": ${gone}`), rescored.stderr);
    const notices: string[] = [];
    const options = { onNotice: (notice: string) => void notices.push(notice) };
    await Array.fromAsync(drawRun(`${folder}/run`, options));
    await writeReport(`${folder}/run`, options);
    assertEquals(
      notices,
      ["curve", "panel", "ground truth"].map((part) => `No ${part} of "png": ${gone}`),
    );
    using served = await ServedRun.open(`${folder}/run`);
    const { fault } = await served.detail(served.result(1)!, () => Promise.resolve(SIZE));
    assertEquals(fault, `No ground truth: ${gone}`);
  }));

Deno.test("masks of relative paths are found from another folder, as images are", () =>
  inFolder(async (folder) => {
    await makeRun(folder, (await makeSamples(folder)).slice(0, 2));
    const path = `${folder}/run/results.jsonl`;
    const results = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, results.replaceAll(`${folder}/`, ""));
    await Deno.mkdir(`${folder}/other`);
    for (
      const [name, ...args] of [["report"], ["rescore", "--out", "a"], ["figures", "--out", "f"]]
    ) {
      const { code, stderr } = await runCommand(name!, ["../run", ...args], `${folder}/other`);
      assertEquals([name, code, stderr.includes("disc.png")], [name, 0, false], stderr);
    }
    const page = await Deno.readTextFile(`${folder}/run/report.html`);
    assertEquals(Object.keys(outlinesIn(page)), ["1"]);
    assert(!page.includes('<section id="missing"'));
    using served = await ServedRun.open(`${folder}/run`);
    const { outline } = await served.detail(served.result(1)!, () => Promise.resolve(SIZE));
    assertEquals(outline?.length, 1);
  }));

Deno.test("convert writes masks of the ground truth as COCO's run lengths", () =>
  inFolder(async (folder) => {
    const samples = (await makeSamples(folder)).slice(0, 2);
    const model = await openModel(
      await loadBundle(new URL("../models/demo", import.meta.url).pathname),
      await openRuntime("native"),
    );
    const settings = { model, steps: 10, noise: "sample" } as const;
    const asked = async function* () {
      yield* samples;
    };
    const all = await Array.fromAsync(ground(asked(), settings)).finally(() => model.close());
    const grounded = all.flatMap((result) => result.kind === "grounded" ? [result] : []);
    assertEquals(grounded.length, 2);
    const region = regionOf(DISC, SIZE);
    for (const result of grounded) {
      const { heatmap, sample, scores: { protocols: _, ...scores } = {} } = result;
      assertEquals(
        scores,
        { ...scoreHeatmap(heatmap, SIZE, sample.masks ? region : sample.boxes) },
      );
    }
    const run = await RunFolder.lock(`${folder}/run`, () => {});
    const plan = samples.map(({ id, index = 0 }) => ({ id, index }));
    const facts = { settings: { sigma: 2.5, otsu: true }, margin: "excluded" };
    await run.begin({ facts, variants: [""], plan }, "refuse", () => {});
    for (const result of grounded) {
      const { sample, size, layers, scores, threshold = null } = result;
      const { id, index = 0, image, phrase, category = "", boxes, masks } = sample;
      await run.writeHeatmaps([{ id, size, layers, image: SIZE }]);
      const truth = { boxes, ...(masks && { masks }) };
      const common = { id, index, image, phrase, category, ...truth, threshold };
      await run.write([{ ...common, ...scores!, status: "scored" }]);
    }
    await run.close();
    const { code, stderr } = await runCommand(
      "convert",
      ["run", "--to", "coco,rle", "--out", "out"],
      folder,
    );
    assertEquals(code, 0, stderr);
    const { annotations } = JSON.parse(
      await Deno.readTextFile(`${folder}/out/coco/annotations.json`),
    );
    const own = encodeRle(DISC, SIZE);
    assertEquals(annotations[0].bbox, [10, 20, 40, 40]);
    assertEquals(annotations[1].segmentation, own);
    assertEquals(annotations[1].bbox, [21, 31, 39, 39]);
    assertEquals(annotations[1].area, regionArea(region));
    const lines = (await Deno.readTextFile(`${folder}/out/rle.jsonl`)).trim().split("\n")
      .map((line) => JSON.parse(line));
    assertEquals(lines.map(({ truth }) => truth), [undefined, own]);
  }));

Deno.test("predicted boxes are compared with the region of masks", () =>
  inFolder(async (folder) => {
    const samples = (await makeSamples(folder)).filter(({ id }) => id !== "missing");
    const boxes = [[10, 20, 40, 40] as const];
    const predicted = new Map(samples.map(({ id }) => [id, { boxes }]));
    for (const rule of ["union", "max"] as const) {
      const results = await resultsOf(samples, boxesMethod(predicted, { rule }));
      const by = Object.fromEntries(results.map((result) => [result.id, scoresOf(result).miou]));
      assertEquals([by["box"], by["polygon of a box"]], [1, 1]);
      let [shared, all] = [0, 1600];
      DISC.forEach((value, i) => {
        const [x, y] = [i % SIZE.width, Math.floor(i / SIZE.width)];
        const isIn = x >= 10 && x < 50 && y >= 20 && y < 60;
        if (value && isIn) shared++;
        else if (value) all++;
      });
      assertEquals(by["png"], shared / all);
      assertEquals(by["outside"], 0);
    }
    await makeRun(folder, samples, boxesMethod(predicted));
    const page = await Deno.readTextFile(await writeReport(`${folder}/run`));
    const outlines = outlinesIn(page);
    assertEquals(Object.keys(outlines), ["1", "2", "3", "4", "5"]);
    assertEquals(outlines[4], [[10, 20, 50, 20, 50, 60, 10, 60]]);
    using served = await ServedRun.open(`${folder}/run`);
    const { outline } = await served.detail(served.result(4)!, () => Promise.resolve(SIZE));
    assertEquals(outline, outlines[4]);
  }));

Deno.test("many masks of a large image wait in little memory", async () => {
  const image = { width: 1000, height: 1250, data: new Uint8Array(1_250_000) };
  const outline = [500, 40, 900, 300, 950, 1200, 60, 1210, 30, 200];
  const samples = Array.from({ length: 60 }, (_, i): Sample => ({
    ...{ id: String(i), image: "", phrase: "a phrase", boxes: [] },
    masks: [{ kind: "polygon", polygons: [outline.map((value) => value - i / 3)] }],
  }));
  const request = async function* () {
    yield item({ image, samples });
  };
  for await (const flow of decode(request())) {
    const regions = flow.kind === "item" ? [...flow.item.regions!.values()] : [];
    assertEquals(regions.length, 60);
    const bytes = regions.reduce(
      (sum, { runs, rows }) => sum + runs.buffer.byteLength + rows.buffer.byteLength,
      0,
    );
    assert(bytes < 60 * 20_000, `${bytes} bytes`);
    assert(regions.every((region) => regionArea(region) > 800_000));
  }
});
