import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import type { SampleResult } from "../pipeline/evaluate.ts";
import { commandArguments, inFolder, runCommand } from "./support/command.ts";
import { copy } from "./support/copy.ts";

const DEMO = new URL("../models/demo", import.meta.url).pathname;

const SETTINGS = ["--dataset", "set", "--steps", "10", "--noise", "sample", "--runtime", "native"];

const read = (folder: string, out: string) => Deno.readTextFile(`${folder}/${out}/results.jsonl`);

async function results(folder: string, out: string): Promise<SampleResult[]> {
  return (await read(folder, out)).trim().split("\n").map((line) => JSON.parse(line));
}

/** Runs a test in a folder with a dataset of five images in `set`. */
function withSet(test: (folder: string) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 8, images: 5 });
    await test(folder);
  });
}

const evaluate = (folder: string, out: string, fault?: string, more: readonly string[] = []) =>
  runCommand("eval", [...SETTINGS, "--out", out, ...more], folder, fault ? { fault } : {});

Deno.test("an image that is deleted in mid-run is one failed sample, to be tried again", () =>
  withSet(async (folder) => {
    await evaluate(folder, "whole");
    const lines = await results(folder, "whole");
    const last = lines.at(-1)!.image!;
    const child = new Deno.Command("deno", {
      args: commandArguments("eval", [...SETTINGS, "--out", "out", "--concurrency", "1"]),
      cwd: folder,
      env: { NO_COLOR: "1", INIT_CWD: "" },
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const isUnderWay = () => read(folder, "out").then((text) => text !== "", () => false);
    while (!await isUnderWay()) await new Promise((resolve) => setTimeout(resolve, 10));
    await Deno.rename(`${folder}/${last}`, `${folder}/away.jpg`);
    const { code } = await child.status;
    await child.stderr.cancel();
    assertEquals(code, 3);
    const failed = (await results(folder, "out")).filter(({ status }) => status === "failed");
    assert(failed.length > 0);
    for (const result of failed) {
      if (result.status !== "failed") throw new Error(result.status);
      assertEquals([result.image, result.stage, result.error], [last, "decode", "NotFound"]);
    }
    await Deno.rename(`${folder}/away.jpg`, `${folder}/${last}`);
    const again = await evaluate(folder, "out", undefined, ["--retry-failed"]);
    assertEquals(again.code, 0, again.stderr);
    assertEquals(await read(folder, "out"), await read(folder, "whole"));
  }));

Deno.test("a model file that is cut short while it loads ends the run with a sentence", () =>
  withSet(async (folder) => {
    await copy(DEMO, `${folder}/out/model`);
    const args = ["--model", "out/model"];
    const broken = await evaluate(folder, "out", "truncate_model.ts", args);
    assertEquals(broken.code, 1, broken.stderr);
    assertMatch(broken.stderr.trim().split("\n").at(-1)!, /^error: .*diffusion_model/);
    const left = await Array.fromAsync(Deno.readDir(`${folder}/out`));
    assertEquals(left.map(({ name }) => name), ["model"]);
  }));

Deno.test("a run that is out of memory ends, and goes on after its last result", () =>
  withSet(async (folder) => {
    await evaluate(folder, "whole");
    const broken = await evaluate(folder, "out", "no_memory.ts");
    assertEquals(broken.code, 1, broken.stderr);
    assertMatch(broken.stderr, /results so far are in out\nerror: .*bad allocation/);
    assert((await results(folder, "out")).length > 0);
    const again = await evaluate(folder, "out");
    assertEquals(again.code, 0, again.stderr);
    assertEquals(await read(folder, "out"), await read(folder, "whole"));
  }));

Deno.test("a bug ends the run with its stack and no failed sample, and the run goes on later", () =>
  withSet(async (folder) => {
    await evaluate(folder, "whole");
    const args = ["--progress", "json"];
    const broken = await evaluate(folder, "out", "planted_bug.ts", args);
    assertEquals(broken.code, 1, broken.stderr);
    const { error, stack } = JSON.parse(broken.stderr.trim().split("\n").at(-1)!);
    assertMatch(error, /^Cannot finish stage "encode" of sample ".*bug of Groundray \(TypeError: /);
    assertMatch(stack, /^TypeError: .*\n +at .*planted_bug\.ts/);
    const done = await results(folder, "out");
    assert(done.length > 0 && done.every(({ status }) => status === "scored"));
    const summary = JSON.parse(await Deno.readTextFile(`${folder}/out/summary.json`));
    assertEquals(summary.error, error);
    const again = await evaluate(folder, "out");
    assertEquals(again.code, 0, again.stderr);
    assertEquals(await read(folder, "out"), await read(folder, "whole"));
  }));

Deno.test("clocks that jump change no result", () =>
  withSet(async (folder) => {
    await evaluate(folder, "whole");
    const { code, stderr } = await evaluate(folder, "out", "jump_clock.ts");
    assertEquals(code, 0, stderr);
    assertEquals(await read(folder, "out"), await read(folder, "whole"));
  }));

Deno.test("a closed stdout ends no run before its end", () =>
  withSet(async (folder) => {
    const child = new Deno.Command("deno", {
      args: commandArguments("eval", [...SETTINGS, "--out", "out"]),
      cwd: folder,
      env: { NO_COLOR: "1", INIT_CWD: "" },
      stdout: "piped",
      stderr: "null",
    }).spawn();
    await child.stdout.cancel();
    assertEquals((await child.status).code, 0);
    const { counts } = JSON.parse(await Deno.readTextFile(`${folder}/out/summary.json`));
    assertEquals(counts.scored, (await results(folder, "out")).length);
  }));

Deno.test("paths may be long and in any script; an impossible path gives one sentence", () =>
  inFolder(async (folder) => {
    const long = `${"très-".repeat(40)}/${"長い".repeat(35)}/Ωmega 'quoted' #1 %20`;
    await writePhantomSet(`${folder}/${long}`, { seed: 8, images: 1 });
    const args = ["--steps", "10", "--noise", "sample", "--dataset", long];
    const { code, stderr } = await runCommand(
      "eval",
      [...args, "--out", `${long}/out`, "--cache", `${long}/cache`],
      folder,
    );
    assertEquals(code, 0, stderr);
    assert((await results(folder, `${long}/out`)).every(({ status }) => status === "scored"));

    await Deno.writeTextFile(`${folder}/file`, "precious");
    for (const out of ["x".repeat(300), "file", "file/out", "file/a/b"]) {
      const { code, stderr } = await runCommand("eval", [...args, "--out", out], folder);
      assertEquals(code, 1, stderr);
      assertMatch(stderr.trim().split("\n").at(-1)!, /^error: Cannot write to folder "/);
    }
    assertEquals(await Deno.readTextFile(`${folder}/file`), "precious");
  }));
