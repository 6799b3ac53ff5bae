import "../base/host/deno/mod.ts";
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { SampleResult } from "../pipeline/evaluate.ts";
import { encodeNpy } from "../reports/exports/npy.ts";
import { readResults } from "../runs/read_results.ts";
import { Run } from "../runs/run.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { copy } from "./support/copy.ts";
import { assertSameFiles } from "./support/set.ts";

const FIXTURE = new URL("old_runs/fixture", import.meta.url).pathname;

const DATA = ["--dataset", "set/rows.csv", "--images", "set"];

const FILES = ["results.jsonl", "heatmaps.bin", "table.md", "protocols.csv"];

const PROTOCOLS = ["per-box", "biovil", "pointing-game", "pixel-auc"];

/** Runs a command in a folder, and checks its exit code. */
async function run(folder: string, command: string, args: readonly string[], code = 0) {
  const result = await runCommand(command, args, folder);
  assertEquals(result.code, code, result.stderr);
  return result;
}

async function resultsOf(run: string): Promise<Map<string, SampleResult>> {
  const lines = await Array.fromAsync(readResults(`${run}/results.jsonl`));
  return new Map(lines.map(({ result }) => [result.id, result]));
}

type Scored = Extract<SampleResult, { readonly status: "scored" }>;

/** The scored result of a sample. */
function scoredOf(results: ReadonlyMap<string, SampleResult>, id: string): Scored {
  const result = results.get(id);
  if (result?.status === "scored") return result;
  throw new Error(`${id} is not scored`);
}

Deno.test("the heatmaps of a run come back from files, cover rectangular images and score alike", () =>
  inFolder(async (folder) => {
    await copy(FIXTURE, folder);
    await run(folder, "convert", ["ldm", "--to", "npy", "--outside", "zero", "--out", "maps"]);
    const choice = ["--margin", "zero", "--protocol", PROTOCOLS.join()];
    await run(folder, "rescore", ["ldm", ...choice, "--out", "known"], 3);
    const known = await resultsOf(`${folder}/known`);
    const names = [...Deno.readDirSync(`${folder}/maps/npy`)].map(({ name }) => name);
    const list = [...known.values()].flatMap(({ id, image, phrase }) => {
      const file = names.find((name) => name.includes(`-${id.replaceAll(/[.#]/g, "-")}.`));
      return file ? [JSON.stringify({ id, image, phrase, file: `npy/${file}` })] : [];
    });
    await Deno.writeTextFile(`${folder}/maps/list.jsonl`, list.join("\n"));
    const method = ["--method", "heatmaps", "--predictions", "maps", "--covers", "original"];
    // The pixels of an image may show no maximum of its heatmap: scaling would change the values.
    const args = [
      ...method,
      "--map-values",
      "own",
      ...DATA,
      "--protocol",
      PROTOCOLS.join(),
      "--no-report",
    ];
    const whole = await run(folder, "eval", [...args, "--out", "whole"], 3);
    assertMatch(whole.stderr, /"maps\/list\.jsonl" has heatmaps for 5 of 7 samples\./);
    const found = await resultsOf(`${folder}/whole`);
    let scored = 0;
    for (const [id, result] of known) {
      if (result.status !== "scored") continue;
      const own = scoredOf(found, id);
      for (const score of ["absCnr", "cnr", "miou", "aucRoc"] as const) {
        assertAlmostEquals(own[score], result[score], 1e-9, `${id} ${score}`);
      }
      const [a, b] = [own.protocols!, result.protocols!];
      assertEquals(Object.keys(a), PROTOCOLS);
      assertEquals(a["pointing-game"], b["pointing-game"]);
      assertAlmostEquals(a["pixel-auc"]![0]!.exact!, b["pixel-auc"]![0]!.exact!, 1e-9);
      assert(own.range![0] === 0 && own.range![1] <= 1);
      scored++;
    }
    assertEquals(scored, 4);

    for (const shard of ["1/2", "2/2"]) {
      const own = [...args, "--shard", shard, "--out", `part${shard[0]}`];
      assert([0, 3].includes((await runCommand("eval", own, folder)).code));
    }
    await run(folder, "merge", ["part2", "part1", "--out", "merged"], 3);
    await run(folder, "rescore", ["whole", "--out", "again"], 3);
    await assertSameFiles(`${folder}/whole`, `${folder}/merged`, FILES);
    await assertSameFiles(`${folder}/whole`, `${folder}/again`, [...FILES, "run.json"]);
    await run(folder, "convert", ["whole", "--to", "npy", "--out", "back"]);
    const back = [...Deno.readDirSync(`${folder}/back/npy`)].map(({ name }) => name);
    const withoutNumber = (name: string) => name.replace(/^\d+/, "");
    for (const name of back) {
      const own = names.find((other) => withoutNumber(other) === withoutNumber(name))!;
      const [one, other] = [`back/npy/${name}`, `maps/npy/${own}`].map((path) =>
        Deno.readFileSync(`${folder}/${path}`)
      );
      assertEquals(one, other, name);
    }
    assertEquals(back.length, 5);
    await run(folder, "figures", ["whole", "--count", "2", "--out", "figures"]);
    await run(folder, "report", ["whole", "--out", "report.html"]);
    const page = await Deno.readTextFile(`${folder}/report.html`);
    // The heatmap of the tall image is as high as the image.
    assert(page.includes('data-span="77" data-width="77" data-height="101" data-down="101"'));
  }));

Deno.test("grids of BioViL come back as a stated crop with the same bits", () =>
  inFolder(async (folder) => {
    await copy(FIXTURE, folder);
    await Deno.mkdir(`${folder}/maps`);
    const list = ["image,phrase,file,covers"];
    const known = new Map<string, SampleResult>();
    {
      using both = await Run.open(`${folder}/both`);
      for await (const result of both.results("biovil")) {
        if (result.status !== "scored") continue;
        const { layers: [grid] } = await both.get(result.id, "biovil");
        const { side, data } = grid!;
        const file = `${known.size}.npy`;
        await Deno.writeFile(`${folder}/maps/${file}`, encodeNpy(data, [side, side]));
        list.push(`${result.image},"${result.phrase}",${file},crop:480/512`);
        known.set(result.id, result);
      }
    }
    await Deno.writeTextFile(`${folder}/maps/list.csv`, list.join("\n"));
    const args = ["--method", "heatmaps", "--predictions", "maps/list.csv", "--map-values", "own"];
    await run(folder, "eval", [...args, ...DATA, "--no-report", "--out", "out"], 3);
    const found = await resultsOf(`${folder}/out`);
    for (const id of known.keys()) {
      const [own, result] = [scoredOf(found, id), scoredOf(known, id)];
      const { absCnr, cnr, miou, aucRoc } = result;
      assertEquals([own.absCnr, own.cnr, own.miou, own.aucRoc], [absCnr, cnr, miou, aucRoc]);
      assert(own.range![0] < own.range![1]);
    }
    assertEquals(known.size, 4);
  }));

Deno.test("a map that cannot be taken is one failed sample with its file and row", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/set`);
    await Deno.copyFile(`${FIXTURE}/set/square.png`, `${folder}/set/a.png`);
    await Deno.mkdir(`${folder}/maps`);
    const phrases = "good twice missing nan size out away id blank word none".split(" ");
    const rows = phrases.map((phrase) => `a.png,${phrase},1,1,9,9`);
    await Deno.writeTextFile(
      `${folder}/set/rows.csv`,
      ["image,phrase,x,y,w,h", ...rows].join("\n"),
    );
    const grid = Float32Array.of(-3, -1, 0, 5);
    const npy = (name: string, values: Float32Array, shape = [2, 2]) =>
      Deno.writeFile(`${folder}/maps/${name}.npy`, encodeNpy(values, shape));
    await npy("good", grid);
    await npy("nan", Float32Array.of(0, 1, NaN, 2));
    await npy("size", Float32Array.of(0, 1), [1, 2]);
    await npy("../out", grid);
    const list = [
      "image,phrase,file,covers,id",
      "a,good,good.npy,square,a.png#1",
      "a,twice,good.npy,square,",
      "a,twice,nan.npy,square,",
      "a,nan,nan.npy,square,",
      "a,size,size.npy,original,",
      "a,out,../out.npy,square,",
      "a,away,nowhere.npy,square,",
      "a,id,good.npy,square,a.png#1",
      "a,blank,good.npy,,",
      "a,word,good.npy,centre,",
      "b,good,good.npy,square,",
    ];
    await Deno.writeTextFile(`${folder}/maps/list.csv`, list.join("\n"));
    const method = ["--method", "heatmaps", "--predictions", "maps"];
    const args = [...method, "--dataset", "set/rows.csv", "--no-report", "--out", "out"];
    const { stderr } = await run(folder, "eval", args, 3);
    assertMatch(stderr, /"maps\/list\.csv" 2 match no sample .* "a" with phrase "id" \(line 9\)\./);
    const results = [...(await resultsOf(`${folder}/out`)).values()];
    const reasons = Object.fromEntries(
      results.map((result) => [result.phrase, result.status === "failed" ? result.reason : ""]),
    );
    assertEquals(reasons, {
      good: "",
      twice: "its heatmap cannot be read: two rows of the list name a heatmap for it (line 3 and " +
        "line 4)",
      missing: 'there is no heatmap for it in "maps/list.csv"',
      nan:
        'Cannot read heatmap "maps/nan.npy": expected finite values within float32, got NaN in ' +
        "row 1, column 0 (line 5 of the list)",
      size: 'Cannot read heatmap "maps/size.npy": it has 2x1 values, but its image has 64x64 ' +
        'pixels, which "original" needs (line 6 of the list)',
      out:
        "its heatmap cannot be read: expected the path of a file below the list's folder, found " +
        '"../out.npy" (line 7)',
      away: 'Cannot read heatmap "maps/nowhere.npy": there is no such file (line 8 of the list)',
      id: 'there is no heatmap for it in "maps/list.csv"',
      blank:
        "its heatmap cannot be read: it does not say what its map covers: original, square or " +
        "crop:SIDE/RESIZED such as crop:480/512 (line 10)",
      word:
        "its heatmap cannot be read: expected covers as original, square or crop:SIDE/RESIZED " +
        'such as crop:480/512, found "centre" (line 11)',
      none: 'there is no heatmap for it in "maps/list.csv"',
    });
    const { counts } = JSON.parse(await Deno.readTextFile(`${folder}/out/summary.json`));
    assertEquals([counts.scored, counts.failed], [1, 10]);
    const good = scoredOf(await resultsOf(`${folder}/out`), "a.png#1");
    assertEquals(good.range, [-3, 5]);
    {
      using heatmaps = await Run.open(`${folder}/out`);
      const { heatmap } = await heatmaps.get(good.id);
      assertEquals([...heatmap], [0, 0.25, 0.375, 1]);
    }

    // A mended file is read again.
    await npy("nan", grid);
    await run(folder, "eval", [...args, "--retry-failed"], 3);
    const mended = [...(await resultsOf(`${folder}/out`)).values()];
    assertEquals(mended.filter(({ status }) => status === "scored").length, 2);
    // Another list is another run.
    await Deno.writeTextFile(`${folder}/maps/list.csv`, list.slice(0, -1).join("\n"));
    const other = await run(folder, "eval", args, 1);
    assertMatch(other.stderr, /its run differs in methods\.heatmaps\.predictions\.sha256/);
  }));

Deno.test("eval refuses heatmaps that state no cover, and folders without a single list", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/set`);
    await Deno.copyFile(`${FIXTURE}/set/square.png`, `${folder}/set/a.png`);
    await Deno.writeTextFile(`${folder}/set/rows.csv`, "image,phrase,x,y,w,h\na.png,p,1,1,9,9\n");
    await Deno.mkdir(`${folder}/maps`);
    const refuse = async (args: string[], message: RegExp, code = 1) => {
      const all = ["--method", "heatmaps", ...args, "--dataset", "set/rows.csv", "--out", "out"];
      assertMatch((await run(folder, "eval", all, code)).stderr, message);
    };
    const maps = ["--predictions", "maps"];
    await refuse(
      [],
      /"--method heatmaps" needs "--predictions DIR", the folder of the maps and/,
      2,
    );
    await refuse(maps, /heatmaps from "maps": expected a CSV or JSON lines in it that name image/);
    const write = (name: string, text: string) =>
      Deno.writeTextFile(`${folder}/maps/${name}`, text);
    await write("a.csv", "image,phrase,file\na,p,p.npy\n");
    const unstated =
      /"maps\/a\.\w+": it does not say which part .*; add a column covers, or give --covers/;
    await refuse(maps, unstated);
    await refuse([...maps, "--covers", "all"], /expected covers as original, square or crop:SIDE/);
    await write("a.jsonl", '{"image": "a", "phrase": "p", "file": "p.npy"}\n');
    await refuse(maps, /both "a\.csv" and "a\.jsonl" may be the list; give its path/);
    await refuse(["--predictions", "maps/a.jsonl"], unstated);
    await write("b.csv", "image,phrase,map\na,p,p.npy\n");
    await refuse(["--predictions", "maps/b.csv"], /column "file" is missing/);
    await refuse([...maps, "--box-rule", "max"], /"--box-rule" has no effect/, 2);
  }));
