import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { commandArguments, inFolder, runCommand } from "./support/command.ts";
import { writeGray } from "./support/image.ts";

/** Writes a dataset of one valid and one missing image. */
async function writeDataset(folder: string): Promise<void> {
  await writeGray(`${folder}/xray.png`, drawPhantom({ seed: 2, width: 200, height: 260 }));
  await Deno.writeTextFile(`${folder}/rows.csv`, "image,phrase\nxray.png,haze\nnone.png,haze\n");
}

Deno.test("eval --progress json writes nothing but objects on stderr and the table on stdout", () =>
  inFolder(async (folder) => {
    await writeDataset(folder);
    const { code, stdout, stderr } = await runCommand("eval", [
      ...["--dataset", "rows.csv", "--steps", "10", "--out", "out", "--progress", "json"],
    ], folder);
    assertEquals(code, 3, stderr);
    const lines = readObjects(stderr);
    const { rate, ...last } = lines.at(-1)!;
    assertEquals(last, { done: 2, total: 2, failed: 1, secondsLeft: 0 });
    assert(typeof rate === "number" && rate > 0);
    const warnings = lines.flatMap(({ warning }) => warning as string ?? []);
    assertMatch(warnings.at(-1)!, /^failed: .*there is no such file$/);
    assert(lines.some(({ info }) => String(info).startsWith("Grounding 2 phrases")), stderr);
    assert(!stdout.includes("{") && !stdout.includes("Grounding"), stdout);
  }));

/** Parses the JSON objects on stderr; throws if stderr holds anything else. */
function readObjects(stderr: string): Record<string, unknown>[] {
  return stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("the last error is an object too with --progress json", () =>
  inFolder(async (folder) => {
    await writeDataset(folder);
    const json = ["--out", "out", "--progress", "json"];
    const cases: [string, string[], number, RegExp][] = [
      ["ground", ["--image", "none.png", "--phrase", "haze"], 1, /^Cannot .*no such file/],
      ["eval", ["--phrase", "haze"], 2, /^Unknown option "--phrase"/],
      ["rescore", ["none"], 1, /^Cannot read "none"/],
      ["figures", ["none"], 1, /^Cannot read "none/],
      ["merge", [], 2, /^At least one OUT is needed/],
    ];
    for (const [name, args, expected, message] of cases) {
      const { code, stdout, stderr } = await runCommand(name, [...args, ...json], folder);
      assertEquals([code, stdout], [expected, ""], stderr);
      assertMatch(String(readObjects(stderr).at(-1)!.error), message);
    }
    const many = ["--dataset", "rows.csv", "--steps", "10", "--max-failures", "0"];
    const { code, stderr } = await runCommand("eval", [...many, ...json], folder);
    assertEquals(code, 4, stderr);
    assertEquals(readObjects(stderr).at(-1), {
      error: "1 samples failed, more than --max-failures 0",
    });
  }));

Deno.test("Ctrl-C is answered with an object with --progress json", () =>
  inFolder(async (folder) => {
    const args = commandArguments("eval", ["--progress", "json", "--out", "out"]);
    const command = new Deno.Command("deno", {
      ...{ args, cwd: folder, env: { INIT_CWD: "" }, stdout: "piped", stderr: "piped" },
    });
    const process = command.spawn();
    let stderr = "";
    for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) {
      if (!stderr.includes('"done"') && (stderr + text).includes('"done"')) process.kill("SIGINT");
      stderr += text;
    }
    await process.stdout.cancel();
    assertEquals((await process.status).code, 130, stderr);
    const infos = readObjects(stderr).flatMap(({ info }) => info as string ?? []);
    assertMatch(infos.at(-1)!, /^Stopping after the sample in hand; press Ctrl-C again/);
  }));

Deno.test("rescore, merge and figures tell of their progress, as objects and not at all", () =>
  inFolder(async (folder) => {
    await writeDataset(folder);
    const run = ["--dataset", "rows.csv", "--steps", "10", "--noise", "sample", "--out", "run"];
    assertEquals((await runCommand("eval", run, folder)).code, 3);
    const cases = [
      ["rescore", 3, { done: 2, total: 2, failed: 1, secondsLeft: 0 }],
      ["merge", 3, { done: 1, total: 1, failed: 0, secondsLeft: 0 }],
      ["figures", 0, { done: 1, total: 1, failed: 0, secondsLeft: 0 }],
    ] as const;
    for (const [name, expected, progress] of cases) {
      const go = (how: string) =>
        runCommand(name, ["run", "--out", `${name}-${how}`, "--progress", how], folder);
      const { code, stdout, stderr } = await go("json");
      assertEquals(code, expected, stderr);
      const { rate: _, ...last } = readObjects(stderr).at(-1)!;
      assertEquals(last, progress, name);
      assert(stdout.length > 0 && !stdout.includes('"done"'), stdout);
      assertEquals((await go("quiet")).stderr, "", name);
    }
  }));

Deno.test("eval and ground --progress quiet print faults only", () =>
  inFolder(async (folder) => {
    await writeDataset(folder);
    const quiet = ["--steps", "10", "--out", "out", "--progress", "quiet"];
    const run = await runCommand("eval", ["--dataset", "rows.csv", ...quiet], folder);
    assertEquals(run.code, 3, run.stderr);
    assertMatch(run.stderr, /^The bundled model .*\nfailed: .*there is no such file\n$/);
    const one = ["--image", "xray.png", "--phrase", "haze", ...quiet];
    const { code, stdout, stderr } = await runCommand("ground", one, folder);
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /^The bundled model .*\n$/);
    assertMatch(stdout, /^haze: .*; out\n$/);
  }));
