/**
 * Compiles a single binary: `deno task package:binary FOLDER [TARGET]`.
 *
 * The binary holds the code of the npm package, the bundled model, WebAssembly and WebGPU. At its
 * first start it extracts its files, since the system's loader opens the native runtime from disk.
 *
 * @module
 */

import manifest from "../deno.json" with { type: "json" };
import { EXIT, runMain } from "../cli/kit/exit.ts";
import { UsageError } from "../cli/kit/flags.ts";
import { buildPackage, filesBelow, write } from "./npm.ts";

/** Targets of `deno compile`, each with the folder of its native runtime in `onnxruntime-node`. */
const TARGETS: Readonly<Record<string, string>> = {
  "x86_64-unknown-linux-gnu": "linux/x64",
  "aarch64-unknown-linux-gnu": "linux/arm64",
  "aarch64-apple-darwin": "darwin/arm64",
  "x86_64-pc-windows-msvc": "win32/x64",
};

/** Files of ONNX Runtime for the web that some command loads: two builds for Deno, three for pages. */
const WEB_FILES = new RegExp(
  "^(package\\.json|dist/(ort\\.node\\.min\\.(m?js)|ort\\.(wasm|jspi|webgpu)(\\.bundle)?\\.min\\.mjs|" +
    "ort-wasm-simd-threaded(\\.jspi|\\.asyncify)?\\.(mjs|wasm)))$",
);

/** A command's permissions, by name; a list limits the permission. */
type PermissionSet = Readonly<Record<string, true | readonly string[]>>;

/**
 * Options with the permissions of all commands together. The binary gives up all others before it
 * loads a command. The native runtime lies where the binary extracts it, which only the binary
 * knows: it confines libraries to that folder itself.
 */
export function permissionOptions(): string[] {
  const sets: PermissionSet[] = Object.values(manifest.permissions) as never;
  const names = new Set(sets.flatMap((set) => Object.keys(set)));
  return [...names].map((name) => {
    const values = sets.flatMap<string | true>((set) => set[name] ?? []);
    const isWhole = name === "ffi" || values.includes(true);
    return `--allow-${name}${isWhole ? "" : `=${[...new Set(values)].join(",")}`}`;
  });
}

/** Copies the files of a library that the target needs. */
async function copyLibrary(source: URL, built: URL, taken: RegExp): Promise<void> {
  const name = source.pathname.split("/").at(-2)!;
  for (const path of filesBelow(source)) {
    if (!taken.test(path)) continue;
    const content = await Deno.readFile(new URL(path, source));
    await write(built, `node_modules/${name}/${path}`, content);
  }
}

/**
 * Compiles the binary of a target.
 *
 * @param folder Folder of the result; the package is built in `package` below it.
 * @param target Name of the target by Rust's convention.
 * @returns Path of the binary.
 * @throws {Error} If `deno compile` fails, as where it cannot fetch the target's runtime.
 */
async function compile(folder: string, target: string): Promise<string> {
  await buildPackage(`${folder}/package`);
  const built = new URL(`file://${await Deno.realPath(`${folder}/package`)}/`);
  const libraries = new URL("../node_modules/", import.meta.url);
  const native = TARGETS[target]!;
  const files = new RegExp(`^(package\\.json|dist/.*\\.js|bin/napi-v6/${native}/.*)$`);
  // The library's own dependencies lie beside its real folder.
  const node = new URL(`file://${await Deno.realPath(new URL("onnxruntime-node", libraries))}/`);
  await copyLibrary(node, built, files);
  await copyLibrary(
    new URL("../onnxruntime-common/", node),
    built,
    /^(package\.json|dist\/.*\.js)$/,
  );
  await copyLibrary(new URL("onnxruntime-web/", libraries), built, WEB_FILES);
  const out = `${folder}/groundray${native.startsWith("win32") ? ".exe" : ""}`;
  const include = ["cli", "web", "models", "node_modules", "cluster", "deno.json", "LICENSES.txt"]
    .flatMap((path) => ["--include", `${folder}/package/${path}`]);
  const { success, stderr } = await new Deno.Command("deno", {
    args: [
      ...["compile", "--quiet", "--no-check", "--no-prompt", "--self-extracting", "--no-lock"],
      ...[
        `--config=${folder}/package/deno.json`,
        "--cached-only",
        `--target=${target}`,
        `--output=${out}`,
      ],
      ...[...permissionOptions(), ...include, `${folder}/package/cli/groundray/groundray.js`],
    ],
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) {
    const text = new TextDecoder().decode(stderr);
    const [, cause] = /^ +\d+: (.*)$/m.exec(text) ?? /^error: (.*)$/m.exec(text) ?? [, text];
    throw new Error(
      `Cannot compile for ${target} (${cause}): deno compile fetches the target's runtime from ` +
        "dl.deno.land, or takes it from the path in the variable DENORT_BIN",
    );
  }
  return out;
}

async function main([folder, target = Deno.build.target, ...rest]: string[]): Promise<number> {
  if (folder === undefined || rest.length > 0) {
    throw new UsageError("Usage: deno task package:binary FOLDER [TARGET]");
  }
  if (!Object.hasOwn(TARGETS, target)) {
    throw new UsageError(
      `TARGET must be one of ${Object.keys(TARGETS).join(", ")}, got "${target}"`,
    );
  }
  const path = await compile(folder, target);
  console.log(`${path}: ${((await Deno.stat(path)).size / 1e6).toFixed(0)} MB`);
  return EXIT.ok;
}

if (import.meta.main) await runMain(main, null);
