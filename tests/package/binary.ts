/** Checks the single binary as far as it can be made where `deno compile` finds no runtime. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import manifest from "../../deno.json" with { type: "json" };
import { permissionOptions } from "../../packaging/binary.ts";
import { inFolder, readOutput } from "../support/command.ts";

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

Deno.test("the binary's permissions are those of the commands together", () => {
  const variables = new Set(Object.values(manifest.permissions).flatMap(({ env }) => env));
  assertEquals(permissionOptions().sort(), [
    `--allow-env=${[...variables].join(",")}`,
    "--allow-ffi",
    "--allow-net",
    "--allow-read",
    "--allow-run",
    "--allow-sys=statfs",
    "--allow-write",
  ]);
});

Deno.test("deno compile puts model, WebAssembly and the native runtime into the binary", () =>
  inFolder(async (folder) => {
    // This program stands where the runtime would: the result is whole, but does not start.
    const { code, stdout, stderr } = await readOutput("deno", {
      args: ["task", "--quiet", "package:binary", folder, "x86_64-unknown-linux-gnu"],
      cwd: ROOT,
      env: { DENORT_BIN: Deno.execPath(), NO_COLOR: "1" },
    });
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /\/groundray: \d+ MB\n$/);
    const binary = Buffer.from((await Deno.readFile(`${folder}/groundray`)).buffer);
    for (
      const name of [
        ...["diffusion_model.safetensors", "libonnxruntime.so.1", "onnxruntime_binding.node"],
        ...["ort-wasm-simd-threaded.jspi.wasm", "dcmjs-native-codecs.wasm", "DejaVuSans.ttf"],
        // Modules and files that only one command reads.
        ...["rescore_run.js", "licenses.js", "LICENSES.txt", "slurm.js", "main.bundle.js"],
        ...Object.keys(manifest.permissions).map((name) => `${name.replace(/.*:/, "")}.js`),
      ]
    ) {
      assert(binary.includes(`"${name}"`), `${name} is not in the binary`);
    }
    for (
      const name of [
        "libonnxruntime.1.dylib",
        "onnxruntime.dll",
        "ort-wasm-simd-threaded.jsep.wasm",
      ]
    ) {
      assert(!binary.includes(`"${name}"`), `${name} is in the binary`);
    }

    const none = await readOutput("deno", {
      args: ["task", "--quiet", "package:binary", folder, "x86_64-unknown-linux-gnu"],
      cwd: ROOT,
      env: { DENORT_BIN: `${folder}/none`, NO_COLOR: "1" },
    });
    assertEquals([none.code, none.stdout], [1, ""]);
    assertMatch(
      none.stderr,
      /^error: Cannot compile for x86_64-\S+ \(.+\): deno compile fetches [^\n]+\n$/,
    );
  }));

Deno.test("a target that deno compile does not know is refused", () =>
  inFolder(async (folder) => {
    const run = (target: string) =>
      readOutput("deno", {
        args: ["task", "--quiet", "package:binary", folder, target],
        cwd: ROOT,
        env: { DENORT_BIN: `${folder}/none`, NO_COLOR: "1" },
      });
    const unknown = await run("sparc");
    assertEquals(unknown.code, 2);
    assertMatch(unknown.stderr, /^TARGET must be one of x86_64-unknown-linux-gnu, /);
  }));
