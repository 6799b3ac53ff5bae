import { assert, assertEquals, assertMatch } from "@std/assert";
import manifest from "../deno.json" with { type: "json" };
import { inFolder, runCommand } from "./support/command.ts";

/** A driver file that is not there, under a folder that stands for the user's home. */
const NO_DRIVER = { HOME: "/nonexistent", VK_DRIVER_FILES: "/nonexistent/none.json" };

Deno.test("doctor times each runtime that works, and says why another does not", () =>
  inFolder(async (folder) => {
    const { code, stdout, stderr } = await runCommand("doctor", ["--json"], folder, {
      fault: "die_on_gpu.ts",
      env: { HOME: new URL("../..", import.meta.url).pathname },
    });
    assertEquals(code, 0, stderr);
    const { versions, auto, runtimes, drivers, system } = JSON.parse(stdout);
    assertEquals(versions, { groundray: manifest.version, deno: Deno.version.deno });
    assertEquals(system.os, Deno.build.os);
    assert(Array.isArray(drivers));
    assert(auto.name in runtimes && auto.reason.length > 10, JSON.stringify(auto));
    for (const name of ["native", "wasm"]) {
      assert(runtimes[name].loadSeconds > 0 && runtimes[name].passSeconds > 0);
      assertMatch(runtimes[name].version, /^onnxruntime-(node|web) \d/);
    }
    assertEquals(runtimes["webgpu-deno"].error, "its process ended by SIGKILL");
    assertMatch(runtimes[Deno.build.os === "windows" ? "coreml" : "dml"].error, /only$/);
    assert(!stdout.includes(new URL("..", import.meta.url).pathname));
  }));

Deno.test("doctor's text names what is missing, without a GPU and without the home folder", () =>
  inFolder(async (folder) => {
    const env = { ...NO_DRIVER, DENO_WEBGPU_BACKEND: "vulkan" };
    const { code, stdout, stderr } = await runCommand("doctor", [], folder, { env });
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /^Groundray \S+, Deno \S+, \w+ \w+, \d+ processors$/m);
    assertMatch(stdout, /^WebGPU adapter: none$/m);
    assertMatch(stdout, /^Vulkan drivers: none\.json$/m);
    assertMatch(stdout, /^auto takes: native, .* on the CPU: there is no GPU adapter$/m);
    assertMatch(stdout, /^native: .* on the CPU: U-Net loads in \d.* s, a pass takes [\d.]+ s$/m);
    assertMatch(stdout, /^webgpu-deno: does not work: there is no GPU adapter here: install/m);
    assertMatch(
      stdout,
      /^cuda: does not work: libonnxruntime_providers_cuda\.so, .* missing; see/m,
    );
    assert(!stdout.includes("/nonexistent"), stdout);
  }));

Deno.test("doctor refuses an unknown option, and lists its own", () =>
  inFolder(async (folder) => {
    const wrong = await runCommand("doctor", ["--jsn"], folder);
    assertEquals(wrong.code, 2);
    assertMatch(wrong.stderr, /--json/);
    const help = await runCommand("doctor", ["--help"], folder);
    assertEquals(help.code, 0);
    assertMatch(help.stdout, /deno task doctor/);
  }));
