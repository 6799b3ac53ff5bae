import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import type { SampleResult } from "../pipeline/evaluate.ts";
import { commandArguments, inFolder, runCommand } from "./support/command.ts";
import { testGpu } from "./support/gpu.ts";
import { writeGray } from "./support/image.ts";

/** The quickest run: no inversion, and two steps of attention per phrase. */
const QUICK = ["--noise", "sample", "--steps", "10"];

/** An environment without a Vulkan driver, and without another WebGPU backend. */
const NO_DRIVER = {
  VK_DRIVER_FILES: "/nonexistent",
  VK_ICD_FILENAMES: "/nonexistent",
  DENO_WEBGPU_BACKEND: "vulkan",
};

interface Scored {
  readonly notes?: readonly string[];
  readonly threshold: number;
  readonly miou: number;
  readonly aucRoc: number;
}

/** Returns the results of an `eval` run in which every sample was scored. */
async function scored(folder: string): Promise<Scored[]> {
  const text = await Deno.readTextFile(`${folder}/results.jsonl`);
  return text.trim().split("\n").map((line) => {
    const result: SampleResult = JSON.parse(line);
    if (result.status !== "scored") throw new Error(line);
    return { ...result, threshold: result.threshold! };
  });
}

/** Returns the heatmap and the threshold that `ground` wrote. */
async function grounded(folder: string): Promise<{ heatmap: Float32Array; threshold: number }> {
  const npy = await Deno.readFile(`${folder}/heatmap.npy`);
  const { threshold } = JSON.parse(await Deno.readTextFile(`${folder}/result.json`));
  return { heatmap: new Float32Array(npy.slice(128).buffer), threshold };
}

Deno.test("ground gives the same heatmap on either device, and says where it runs", () =>
  inFolder(async (folder) => {
    const { adapter: { name, isHardware } } = await testGpu();
    await writeGray(`${folder}/xray.png`, drawPhantom({ seed: 2, width: 200, height: 260 }));
    const run = async (out: string, ...args: string[]) => {
      const { code, stderr } = await runCommand("ground", [
        ...["--image", "xray.png", "--phrase", "left pleural effusion"],
        ...[...QUICK, "--out", out, ...args],
      ], folder);
      assertEquals(code, 0, stderr);
      return { ...await grounded(`${folder}/${out}`), first: stderr.split("\n")[0]! };
    };
    const cpu = await run("cpu", "--device", "cpu");
    assertMatch(
      cpu.first,
      /^Running on the CPU with onnxruntime-node [\d.]+ \(native\): the CPU was asked for\.$/,
    );
    const runs = {
      gpu: await run("gpu", "--device", "gpu"),
      // The model runs on the CPU; heatmaps are made on the GPU.
      mixed: await run("mixed", "--device", "gpu", "--runtime", "native"),
      auto: await run("auto"),
    };
    const ran = runs.gpu.first.replace(/(onnxruntime-\w+) [\d.]+/, "$1");
    const others = /\((cuda|webgpu-native|webgpu)\): the GPU was asked for/;
    if (isHardware) assertMatch(ran, others);
    else {
      const expected = `Running on ${name} with onnxruntime-web (webgpu): the GPU was asked for.`;
      assertEquals(ran, expected);
    }
    assertEquals(
      runs.mixed.first.replace(/onnxruntime-node [\d.]+/, "onnxruntime-node"),
      `Running on the CPU with onnxruntime-node (native), heatmaps on ${name}: asked for by name.`,
    );
    // Without a request, only a hardware GPU is used: a software driver is slower than the native
    // library.
    assertMatch(
      runs.auto.first,
      isHardware
        ? /\((cuda|webgpu-native|webgpu)\): (CUDA is installed|the GPU is hardware)/
        : /^Running on the CPU .* \(native\): the only GPU adapter, .+, is software, and slower /,
    );
    for (const [device, { heatmap, threshold }] of Object.entries(runs)) {
      assert(Math.abs(threshold - cpu.threshold) <= 1.001 / 256, `${device}: ${threshold}`);
      heatmap.forEach((value, i) => {
        const other = cpu.heatmap[i]!;
        // Near the threshold, one of the two values may be cut to 0.
        const isCut = Math.min(value, other) === 0;
        const isNear = Math.max(value, other) - Math.min(threshold, cpu.threshold) < 2 / 256;
        // The model's output differs between libraries, by at most 5e-4 according to other tests.
        const isClose = Math.abs(value - other) <= (device === "mixed" ? 1e-5 : 1e-3);
        assert(isClose || (isCut && isNear), `${device}: ${value} against ${other}`);
      });
    }
  }));

Deno.test("a GPU that was asked for and is not there is an error that says how to get one", () =>
  inFolder(async (folder) => {
    await writeGray(`${folder}/xray.png`, drawPhantom({ seed: 2, width: 60, height: 60 }));
    const image = ["--image", "xray.png", "--phrase", "haze"];
    const cases: [command: string, args: string[]][] = [
      ["ground", [...image, "--device", "gpu"]],
      ["ground", [...image, "--runtime", "webgpu"]],
      ["ground", [...image, "--device", "gpu", "--runtime", "native"]],
      ["eval", ["--device", "gpu"]],
    ];
    for (const [command, args] of cases) {
      const { code, stdout, stderr } = await runCommand(command, args, folder, { env: NO_DRIVER });
      assertEquals([code, stdout], [1, ""], stderr);
      assertMatch(
        stderr.trim(),
        /^error: Cannot .*: there is no GPU adapter.*mesa-vulkan-drivers$/,
      );
    }
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["xray.png"]);
    // A command that does not ask for a GPU needs none.
    const { code, stderr } = await runCommand(
      "ground",
      [...image, ...QUICK, "--out", "out"],
      folder,
      { env: NO_DRIVER },
    );
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /^Running on the CPU .*: there is no GPU adapter\.\n/);
  }));

Deno.test("eval survives a GPU that is lost, goes on on the CPU, and reports it", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 3, images: 3 });
    const run = async (out: string, device: string, fault?: string) => {
      const args = ["--dataset", "set", ...QUICK, "--limit", "6", "--device", device, "--out", out];
      const { code, stderr } = await runCommand("eval", args, folder, fault ? { fault } : {});
      assertEquals(code, 0, stderr);
      const summary = JSON.parse(await Deno.readTextFile(`${folder}/${out}/summary.json`));
      return { stderr, summary, results: await scored(`${folder}/${out}`) };
    };
    const cpu = await run("cpu", "cpu");
    const { stderr, summary, results } = await run("gpu", "gpu", "lose_gpu.ts");
    assertEquals(cpu.summary.notices, []);
    assertEquals(summary.notices.length, 3);
    for (const notice of summary.notices) assert(stderr.includes(notice), stderr);
    assertMatch(summary.notices[0], /the GPU was lost .*; continuing on a new device of /);
    assertMatch(summary.notices[2], /the GPU was lost .*; continuing on the CPU\.$/);
    const notes = results.map(({ notes = [] }) => notes.length);
    assertEquals(notes, [1, 1, 2, 2, 0, 0]);
    assertMatch(results[2]!.notes![0]!, /^the GPU was lost; grounded again on a new device of /);
    assertEquals(results[2]!.notes![1], "the GPU was lost; grounded again on the CPU");
    results.forEach((result, i) => {
      const other = cpu.results[i]!;
      assert(Math.abs(result.threshold - other.threshold) <= 1.001 / 256);
      // A threshold in the next bin moves a few pixels of the mask.
      assert(Math.abs(result.miou - other.miou) <= 5e-3);
      assert(Math.abs(result.aucRoc - other.aucRoc) <= 5e-3);
    });
  }));

Deno.test("eval on the GPU ends on Ctrl-C with 130 and keeps its results", {
  ignore: Deno.build.os === "windows",
}, () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 3, images: 8 });
    const args = ["--dataset", "set", ...QUICK, "--runtime", "webgpu", "--out", "out"];
    const child = new Deno.Command("deno", {
      args: commandArguments("eval", args),
      cwd: folder,
      env: { NO_COLOR: "1", INIT_CWD: "" },
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const path = `${folder}/out/results.jsonl`;
    const isUnderWay = () => Deno.stat(path).then(({ size }) => size > 0, () => false);
    while (!await isUnderWay()) await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill("SIGINT");
    const { code } = await child.status;
    const stderr = await new Response(child.stderr).text();
    assertEquals(code, 130, stderr);
    assertMatch(stderr, /^Running on .+ with onnxruntime-web .*\(webgpu\): asked for by name\.\n/);
    const summary = JSON.parse(await Deno.readTextFile(`${folder}/out/summary.json`));
    assertEquals(summary.interrupted, true);
    assertEquals(summary.counts.scored, (await scored(`${folder}/out`)).length);
  }));
