import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import { decodeImage } from "../pipeline/decode.ts";
import { finishHeatmap } from "../pipeline/postprocess.ts";
import { ServedRun } from "../web/server/served_run.ts";
import { startServer } from "../web/server/server.ts";
import { decodeParts } from "../web/parts.ts";
import type { RunOverview, SampleDetail, SampleRow } from "../web/review_api.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { writeGray } from "./support/image.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** Evaluates a small dataset and returns the lines of its results. */
// deno-lint-ignore no-explicit-any
async function evaluate(folder: string): Promise<any[]> {
  await writePhantomSet(`${folder}/set`, { seed: 6, images: 3 });
  const quick = ["--steps", "10", "--noise", "sample", "--device", "cpu"];
  const args = ["--dataset", `${folder}/set`, ...quick, "--out", "run"];
  const { code, stderr } = await runCommand("eval", args, folder);
  assertEquals(code, 0, stderr);
  const text = await Deno.readTextFile(`${folder}/run/results.jsonl`);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("a served run is the run: its table, samples, heatmaps and X-rays", () =>
  inFolder(async (folder) => {
    const results = await evaluate(folder);
    using run = await ServedRun.open(`${folder}/run`);
    await using server = startServer({ port: 0, assets: new Map(), run });
    const token = new URL(server.url).searchParams.get("token");
    const headers = { authorization: `Bearer ${token}` };
    const get = (path: string) => fetch(new URL(`/api/${path}`, server.url), { headers });
    const refused = await fetch(new URL("/api/run", server.url));
    assertEquals(refused.status, 403);
    assertMatch((await refused.json()).error, /address that the server printed/);

    const overview: RunOverview = await (await get("run")).json();
    const summary = JSON.parse(await Deno.readTextFile(`${folder}/run/summary.json`));
    assertEquals([overview.planned, overview.done], [results.length, results.length]);
    assertEquals(overview.facts.settings, summary.settings);
    assertEquals(overview.facts.model, { sha256: summary.model.sha256 });
    const [table] = overview.tables;
    const miou = table!.groups[0]!.rows.find(({ label }) => label === "mIoU %")!;
    assertEquals(miou.cells.at(-1)!.text, (100 * summary.average.miou).toFixed(1));

    const rows: SampleRow[] = await (await get("samples")).json();
    assertEquals(
      rows.map(({ index, id, phrase, miou }) => [index, id, phrase, miou]),
      results.map(({ id, phrase, miou }, i) => [i, id, phrase, miou]),
    );

    for (const [index, result] of results.entries()) {
      const detail = decodeParts(
        await (await get(`samples/${index}?next=${index + 1}`)).arrayBuffer(),
      ) as SampleDetail;
      assertEquals(detail.result, result);
      const { layers, ...options } = detail.heatmap!;
      assertEquals(finishHeatmap(layers, options).threshold, result.threshold);

      const response = await get(`samples/${index}/image`);
      const original = await decodeImage(result.image);
      const number = (name: string) => Number(response.headers.get(name));
      assertEquals(
        ["x-width", "x-height", "x-original-width", "x-original-height"].map(number),
        [original.width, original.height, original.width, original.height],
      );
      assertEquals(await response.bytes(), Uint8Array.from(original.data));
    }
    const named = `id=${encodeURIComponent(results[0]!.id)}&setting=`;
    for (const path of ["samples/0", "samples/0/image"]) {
      const right = await get(`${path}?${named}`);
      assertEquals(right.status, 200);
      await right.body?.cancel();
      for (const query of [`${named}other`, "id=other"]) {
        const wrong = await get(`${path}?${query}`);
        assertEquals(wrong.status, 409);
        assertMatch((await wrong.json()).error, /^The run has changed since this page was opened/);
      }
    }
    for (const path of ["samples/999999", "samples/999999/image", "samples/-1", "samples/0/x"]) {
      const response = await get(path);
      assertEquals(response.status, 404);
      assertMatch((await response.json()).error, /^T.* no(thing| result)/);
    }

    // Add a result, as a running evaluation does; the result's image is missing.
    const extra = { ...results[0], id: "more", status: "failed", stage: "decode", reason: "gone" };
    extra.image = `${folder}/gone.png`;
    const line = JSON.stringify(extra) + "\n";
    await Deno.writeTextFile(`${folder}/run/results.jsonl`, line, { append: true });
    const grown: RunOverview = await (await get("run")).json();
    assertEquals(grown.done, results.length + 1);
    const missing = await get(`samples/${results.length}/image`);
    assertEquals(missing.status, 404);
    assertMatch((await missing.json()).error, /^Cannot read image ".*gone\.png": there is no such/);

    // A large X-ray is reduced to the means of its pixels.
    const large = { width: 1500, height: 2048, data: new Uint8Array(1500 * 2048) };
    for (let i = 0; i < large.data.length; i++) large.data[i] = (i % 2) * 100;
    await writeGray(`${folder}/gone.png`, large);
    const reduced = await get(`samples/${results.length}/image`);
    assertEquals([reduced.headers.get("x-width"), reduced.headers.get("x-height")], [
      "750",
      "1024",
    ]);
    assert((await reduced.bytes()).every((value) => value === 50));
    assertEquals(reduced.headers.get("x-original-width"), "1500");

    await Deno.writeTextFile(`${folder}/run/run.json`, "{");
    const broken = await get("run");
    assertEquals(broken.status, 500);
    assertMatch((await broken.json()).error, /run\.json": it does not say what was run/);
    await assertRejects(() => ServedRun.open(folder), Deno.errors.NotFound, "the folder of a run");
  }));

/** Starts the command with its task's permissions. */
function start(folder: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command("deno", {
    args: [
      ...["run", "--quiet", "--no-prompt", "--allow-read", `--allow-ffi=${ROOT}node_modules`],
      "--allow-env=INIT_CWD,ORT_DISABLE_TELEMETRY,IMAGESCRIPT_WASM_SIMD,XDG_RUNTIME_DIR",
      ...["--allow-net=127.0.0.1", "--allow-run=xdg-open,open,explorer", `${ROOT}cli/serve.ts`],
      ...args,
    ],
    cwd: folder,
    env: { NO_COLOR: "1", INIT_CWD: "" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream.values({ preventCancel: true })) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes("\n")) break;
  }
  return text;
}

Deno.test("serve prints its address, shows a run to who has the token, and ends at Ctrl-C", () =>
  inFolder(async (folder) => {
    const results = await evaluate(folder);
    const process = start(folder, "--results", "run", "--no-open", "--port", "0");
    const url = (await firstLine(process.stdout)).trim();
    assertMatch(url, /^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{32}$/);
    const page = await fetch(url);
    assertEquals(page.status, 200);
    assertMatch(await page.text(), /<!doctype html>/i);
    const { port, search } = new URL(url);
    const rows = await (await fetch(new URL(`/api/samples${search}`, url))).json();
    assertEquals(rows.length, results.length);
    const image = await fetch(new URL(`/api/samples/0/image${search}`, url));
    assertEquals(image.status, 200, image.ok ? "" : await image.clone().text());
    await image.body?.cancel();

    // The server reads only the images that the results named at its start.
    const line = JSON.stringify({ ...results[0], id: "later", image: `${folder}/later.png` });
    await Deno.copyFile(results[0].image, `${folder}/later.png`);
    await Deno.writeTextFile(`${folder}/run/results.jsonl`, `${line}\n`, { append: true });
    const { done } = await (await fetch(new URL(`/api/run${search}`, url))).json();
    assertEquals(done, results.length + 1);
    const later = await fetch(new URL(`/api/samples/${results.length}/image${search}`, url));
    assertEquals(later.status, 404);
    assertMatch((await later.json()).error, /it is no file that the results named when the server/);

    const { code, stdout, stderr } = await start(folder, "--no-open", "--port", port).output();
    assertEquals([code, new TextDecoder().decode(stdout)], [1, ""]);
    const text = new TextDecoder().decode(stderr);
    assertEquals(
      text,
      `error: Cannot listen at port ${port}: another program listens there; choose another --port\n`,
    );

    process.kill("SIGINT");
    assertEquals((await process.status).code, 130);
    await process.stdout.cancel();
    assertEquals(await new Response(process.stderr).text(), "");
  }));

Deno.test("serve refuses a folder that holds no run, in a sentence", () =>
  inFolder(async (folder) => {
    const { code, stderr } = await start(folder, "--results", "none", "--no-open").output();
    assertEquals(code, 1);
    assertMatch(
      new TextDecoder().decode(stderr),
      /^error: Cannot read "none": expected the folder of a run.*\n$/,
    );
  }));

Deno.test("serve refuses a GPU's runtime on the CPU", () =>
  inFolder(async (folder) => {
    const args = ["--on", "server", "--runtime", "cuda", "--device", "cpu", "--no-open"];
    const { code, stderr } = await start(folder, ...args).output();
    assertEquals(code, 2);
    assertMatch(
      new TextDecoder().decode(stderr),
      /^Option "--runtime cuda" needs the GPU, but "--device" says cpu\n$/,
    );
  }));

Deno.test("serve refuses a model beside a run, which takes none", () =>
  inFolder(async (folder) => {
    for (const [option, value] of [["--on", "server"], ["--model", "model"]] as const) {
      const args = ["--results", "run", option, value, "--no-open"];
      const { code, stderr } = await start(folder, ...args).output();
      assertEquals(code, 2);
      assertMatch(
        new TextDecoder().decode(stderr),
        new RegExp(`^Option "${option}" goes without "--results"`),
      );
    }
  }));
