/**
 * Builds the npm package: `deno task package:npm FOLDER`.
 *
 * The package holds JavaScript, since Deno and Node strip no types below `node_modules`. Libraries
 * come with it, cut down to the files that Groundray loads; ONNX Runtime and Deno are dependencies.
 *
 * @module
 */

import { stripTypeScriptTypes } from "node:module";
import manifest from "../deno.json" with { type: "json" };
import { EXIT, runMain } from "../cli/kit/exit.ts";
import { UsageError } from "../cli/kit/flags.ts";
import { makeFolder } from "../base/write_whole.ts";
import { bundleScript } from "../web/bundle.ts";
import { DEMO_FILES } from "../web/demo_files.ts";
import { licensesOf } from "../web/site/licenses.ts";

const ROOT = new URL("../", import.meta.url);

/** Folders with the package's code. */
const ROOMS = [
  ...["base", "shaders", "images", "scoring", "datasets", "models", "hub", "pipeline", "methods"],
  ...["runs", "reports", "web", "cli", "cluster"],
];

/** Files beside the rooms. */
const FILES = ["mod.ts", "browser.ts", "LICENSE", "README.md", "CHANGELOG.md"];

/** Paths in the rooms that belong to tests and training. */
const LEFT_OUT = /_test\.ts$|\/fixtures\/|^models\/demo\/|^cluster\/kubernetes\//;

/** Modules of scripts for browsers. */
const SCRIPTS = ["web/page/main", "web/worker", "web/site/service_worker"];

/** Libraries that stay dependencies of the package: they are large, and differ by machine. */
const DEPENDENCIES = ["onnxruntime-node", "onnxruntime-web"];

/** Version of Deno that the package runs on, which is the version of the checks. */
const DENO = "2.9.6";

/** Libraries that no code of the package loads. */
const FOR_TESTS = [
  "@std/assert",
  "axe-core",
  "dockerfile-utils",
  "kubernetes-models",
  "playwright-core",
];

/** Libraries that only scripts for a browser hold, which are built here. */
const IN_SCRIPTS = ["@noble/hashes", "esbuild-wasm"];

/** Libraries with dependencies of their own; each becomes one module. */
const BUNDLED = ["@observablehq/plot", "d3-scale-chromatic", "dcmjs", "linkedom"];

/** Modules that the bundled libraries find at run time: those of Node, and one that may lack. */
const OUTSIDE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["buffer", "child_process", "crypto", "events", "fs", "module", "os", "path", "perf_hooks"]
      .concat(["process", "stream", "url", "util", "zlib"]).map((name) => [name, `node:${name}`]),
  ),
  canvas: "canvas",
};

/** Files of the other libraries that the package takes. */
const TAKEN: Readonly<Record<string, RegExp>> = {
  "@bufbuild/protobuf": /^dist\/esm\/.*\.js$/,
  "@huggingface/tokenizers": /^dist\/tokenizers\.mjs$/,
  "@resvg/resvg-wasm": /^index\.mjs$|\.wasm$/,
  "@zip.js/zip.js": /^lib\/.*\.js$/,
  "dcmjs-codecs": /\.wasm$/,
  "dejavu-fonts-ttf": /^ttf\/DejaVuSans(-Bold)?\.ttf$/,
  "deno-std":
    /^(bytes|cli|collections|crypto|csv|encoding|html|internal|path|streams|text|uuid|yaml)\/.*\.js$/,
  "dicom-parser": /^dist\/dicomParser\.min\.js$/,
  imagescript: /^(ImageScript\.js|(codecs|png|utils|v2|wasm)\/.*\.(js|wasm|node))$/,
  pako: /^dist\/pako\.mjs$/,
  pngjs: /^lib\/.*\.js$/,
};

/** A pinned library of the import map. */
interface Library {
  readonly name: string;
  readonly version: string;
}

/** Libraries of the import map, by the name that imports give. */
function libraries(): Map<string, Library> {
  const found = new Map<string, Library>();
  for (const [specifier, target] of Object.entries(manifest.imports)) {
    const [, name, version] = /^npm:\/?((?:@[^/]+\/)?[^@/]+)@([^/]+)/.exec(target) ?? [];
    if (name !== undefined) found.set(specifier, { name, version: version! });
  }
  return found;
}

/** Address of a library's folder, without links, so that a library has one address. */
async function realFolder(name: string): Promise<string> {
  return `file://${await Deno.realPath(new URL(`node_modules/${name}`, ROOT))}/`;
}

/** Paths of all files below a folder, from the folder on. */
export function* filesBelow(folder: URL, path = ""): Iterable<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(path, folder))) {
    if (isDirectory) yield* filesBelow(folder, `${path}${name}/`);
    else yield path + name;
  }
}

/** Writes a file of the package, with the folders above it. */
export async function write(
  folder: URL,
  path: string,
  content: string | Uint8Array,
): Promise<void> {
  const url = new URL(path, folder);
  await Deno.mkdir(new URL(".", url), { recursive: true });
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await Deno.writeFile(url, bytes);
}

/** Turns a module of this project into JavaScript that also Node and bundlers read. */
function toJavaScript(source: string, from: ReadonlyMap<string, Library>): string {
  return stripTypeScriptTypes(source, { mode: "transform" })
    // A text or JSON becomes a module beside it.
    .replace(/"([^"\n]+)"\s*with\s*\{\s*type:\s*"(?:text|json)",?\s*\}/g, '"$1.js"')
    .replace(/"([\w./-]+)\.ts"/g, '"$1.js"')
    // Only `deno.json` knows the short names of libraries.
    .replace(/(from |import\(|import )"(@std\/[^"]+)"/g, (_, before, name) => {
      const target = manifest.imports[name as keyof typeof manifest.imports];
      return `${before}"${target.replace(/^npm:([^@]+)@[^/]+/, `${from.get(name)!.name}`)}"`;
    });
}

/** Writes the project's code; returns the paths of the texts that modules import. */
async function writeCode(out: URL, from: ReadonlyMap<string, Library>): Promise<void> {
  const paths = [
    ...ROOMS.flatMap((room) => [...filesBelow(ROOT, `${room}/`)]),
    ...DEMO_FILES.map((path) => `models/demo/${path}`),
    ...FILES,
    "deno.json",
  ].filter((path) =>
    !LEFT_OUT.test(path) || DEMO_FILES.some((file) => path.endsWith(`demo/${file}`))
  );
  const texts = new Set<string>();
  for (const path of paths.filter((path) => path.endsWith(".ts"))) {
    const source = await Deno.readTextFile(new URL(path, ROOT));
    for (const [, name] of source.matchAll(/"([^"\n]+)"\s*with\s*\{\s*type:/g)) {
      texts.add(new URL(name!, new URL(path, ROOT)).href.slice(ROOT.href.length));
    }
    await write(out, path.replace(/\.ts$/, ".js"), toJavaScript(source, from));
  }
  for (const path of texts) {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    const value = path.endsWith(".json") ? text : JSON.stringify(text);
    await write(out, `${path}.js`, `export default ${value};\n`);
  }
  for (const path of paths) {
    // The server reads the page's own texts from their files.
    const isInCode = path.endsWith(".ts") || texts.has(path) && !path.startsWith("web/page/");
    if (isInCode || path.endsWith(".md") && path.includes("/")) continue;
    await write(out, path, await Deno.readFile(new URL(path, ROOT)));
  }
}

/** Writes the scripts for browsers, which a clone builds when they are asked for. */
async function writeScripts(out: URL, onFile: (file: string) => void): Promise<void> {
  const builds = ["wasm", "jspi", "webgpu"].map((build) => `onnxruntime-web/${build}`);
  const external = Object.fromEntries(builds.map((name) => [name, name]));
  for (const path of SCRIPTS) {
    const script = await bundleScript(new URL(`${path}.ts`, ROOT), { external, onFile });
    await write(out, `${path}.bundle.js`, script);
  }
  // Addresses and facts that the caller knows take the place of names that the scripts left open.
  await write(
    out,
    "web/bundle.js",
    `/** Completes a script that was built with the package; see \`bundleScript\` of a clone. */
export async function bundleScript(entry, { external = {}, define = {} } = {}) {
  let text = await Deno.readTextFile(new URL(entry.href.replace(/\\.js$/, ".bundle.js")));
  for (const [name, address] of Object.entries(external)) {
    text = text.replaceAll(JSON.stringify(name), JSON.stringify(address));
  }
  const facts = Object.entries(define).map(([name, value]) => \`const \${name}=\${value};\`);
  return new TextEncoder().encode(facts.join("") + text);
}
`,
  );
  // A bundler resolves ONNX Runtime, whose builds load files beside them.
  await write(out, "browser.js", await bundleScript(new URL("browser.ts", ROOT), { external }));
}

/** Writes the licences of all libraries in the package, which the site's command copies. */
async function writeLicenses(out: URL, files: Iterable<string>): Promise<void> {
  await write(out, "LICENSES.txt", await licensesOf(files));
  await write(
    out,
    "web/site/licenses.js",
    `export const OWN_LICENSE = new URL("../../LICENSES.txt", import.meta.url);
export const licensesOf = () => Deno.readTextFile(OWN_LICENSE);
`,
  );
}

/** Writes the libraries that come with the package; returns their versions by name. */
async function writeLibraries(
  out: URL,
  from: ReadonlyMap<string, Library>,
  onFile: (file: string) => void,
): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const [specifier, { name, version }] of from) {
    if (
      [...DEPENDENCIES, ...FOR_TESTS, ...IN_SCRIPTS].some((other) => specifier.startsWith(other))
    ) {
      continue;
    }
    if (versions[name] !== undefined) continue;
    versions[name] = version;
    const source = new URL(await realFolder(name));
    onFile(source.href);
    const target = new URL(`node_modules/${name}/`, out);
    const own = JSON.parse(await Deno.readTextFile(new URL("package.json", source)));
    const { license, type, main, module, exports } = own;
    const kept = { name, version, license };
    if (BUNDLED.includes(name)) {
      const entry = new URL(import.meta.resolve(name));
      const script = await bundleScript(entry, { external: OUTSIDE, onFile });
      const head = 'import { createRequire } from "node:module";\n' +
        "const require = createRequire(import.meta.url);\n";
      await write(target, "index.js", head + new TextDecoder().decode(script));
      const facts = { ...kept, type: "module", exports: "./index.js" };
      await write(target, "package.json", JSON.stringify(facts, null, 2));
    } else {
      const facts = { ...kept, type, main, module, exports };
      await write(target, "package.json", JSON.stringify(facts, null, 2));
    }
    for (const path of filesBelow(source)) {
      if (/^licen[cs]e/i.test(path) || !BUNDLED.includes(name) && TAKEN[name]!.test(path)) {
        await write(target, path, await Deno.readFile(new URL(path, source)));
      }
    }
  }
  return versions;
}

/** The package's `deno.json`: permissions and tasks of the commands, for the files as they lie here. */
function denoFacts(): object {
  const { version, license, unstable, permissions, tasks } = manifest;
  const names = Object.keys(permissions) as (keyof typeof permissions)[];
  return {
    ...{ name: manifest.name, version, license, nodeModulesDir: "manual", unstable },
    permissions: Object.fromEntries(names.map((name) => {
      const set = permissions[name];
      // npm puts the library beside this package, or below it.
      const ffi = ["../onnxruntime-node", "node_modules"];
      return [name, "ffi" in set ? { ...set, ffi } : set];
    })),
    tasks: Object.fromEntries(names.map((name) => {
      const { description, command } = tasks[name];
      return [name, { description, command: command.replace(/\.ts\b/, ".js") }];
    })),
  };
}

/** Names of `mod.ts` that need neither files nor a model, so that Node has them too. */
const FOR_NODE: Readonly<Record<string, string>> = {
  drawPhantom: "datasets/phantom/phantom.js",
  InputError: "base/errors.js",
  postprocess: "pipeline/postprocess.js",
  regionOf: "base/region.js",
  scoreByProtocols: "scoring/protocols.js",
  scoreHeatmap: "scoring/score_heatmap.js",
};

/** The library for Node: some functions, and for each other name of `mod.ts` a clear error. */
async function nodeModule(): Promise<string> {
  const names = Object.keys(await import("../mod.ts"));
  const lines = names.map((name) => {
    const file = FOR_NODE[name];
    return file
      ? `export { ${name} } from "./${file}";`
      : `export const ${name} = onlyInDeno("${name}");`;
  });
  return `// Groundray for Node: the functions that need neither files nor a model.
function onlyInDeno(name) {
  return new Proxy(function () {}, {
    apply: refuse, construct: refuse, get: (_, key) => typeof key === "symbol" ? undefined : refuse(),
  });
  function refuse() {
    throw new Error(
      \`\${name} of "groundray" needs Deno or, by "groundray/browser", a browser; in Node run the \` +
        "command groundray, or Deno, which comes with this package",
    );
  }
}
${lines.join("\n")}
`;
}

/** Runs a program that prints nothing if all is well. */
async function runQuietly(program: string, args: readonly string[]): Promise<void> {
  const options = { args: [...args], cwd: ROOT };
  const { success, stderr } = await new Deno.Command(program, options).output();
  if (!success) throw new Error(`${program} ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}

/** Writes the declarations of the library's types; `deno pack` makes them for JSR's kind of package. */
async function writeTypes(out: URL): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const archive = `${folder}/types.tgz`;
    const options = ["--quiet", "--allow-dirty", "--no-source-maps", `--output=${archive}`];
    await runQuietly("deno", ["pack", ...options]);
    await runQuietly("tar", ["-xzf", archive, "-C", folder]);
    const made = new URL(`file://${folder}/package/`);
    for (const path of filesBelow(made)) {
      if (!path.endsWith(".d.ts")) continue;
      const text = await Deno.readTextFile(new URL(path, made));
      // A caller's compiler may not know WebGPU; where it does, an empty interface adds nothing.
      const names = [...new Set(text.match(/\bGPU[A-Z]\w+/g))];
      const known = names.map((name) => `interface ${name} {}`).join(" ");
      const library = '/// <reference lib="esnext.disposable" />\n';
      const whole = (/\bSymbol\.\w*dispose/i.test(text) ? library : "") + text +
        (known && `\ndeclare global { ${known} }\n`);
      await write(out, path, whole);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  // Node has all types of the library, but not all of its functions.
  const functions = Object.entries(FOR_NODE)
    .map(([name, file]) => `export { ${name} } from "./${file}";\n`);
  await write(out, "node.d.ts", ['export type * from "./mod.js";\n', ...functions].join(""));
}

/**
 * Writes the package into a folder.
 *
 * @param folder Path of a folder; it is created if it is missing.
 */
export async function buildPackage(folder: string): Promise<void> {
  await makeFolder(folder);
  const out = new URL(`file://${await Deno.realPath(folder)}/`);
  const from = libraries();
  await writeCode(out, from);
  const used = new Set<string>();
  const onFile = (file: string) => used.add(file);
  await writeScripts(out, onFile);
  const versions = await writeLibraries(out, from, onFile);
  // The site holds these libraries' files too.
  for (const name of DEPENDENCIES) onFile(await realFolder(name));
  await writeLicenses(out, used);
  await write(out, "node.js", await nodeModule());
  await writeTypes(out);
  await write(out, "groundray.js", await Deno.readFile(new URL("packaging/groundray.js", ROOT)));
  await write(out, "deno.json", JSON.stringify(denoFacts(), null, 2));
  const needed = Object.fromEntries(DEPENDENCIES.map((name) => [name, from.get(name)!.version]));
  const facts = {
    name: "groundray",
    version: manifest.version,
    description: "Where in a chest X-ray does a phrase of its report apply?",
    license: manifest.license,
    type: "module",
    bin: { groundray: "groundray.js" },
    types: "node.d.ts",
    exports: {
      ".": { deno: "./mod.js", browser: "./browser.js", default: "./node.js" },
      "./browser": "./browser.js",
      "./package.json": "./package.json",
    },
    engines: { node: ">=20" },
    dependencies: { deno: DENO, ...needed, ...versions },
    bundleDependencies: Object.keys(versions),
  };
  await write(out, "package.json", JSON.stringify(facts, null, 2));
}

async function main([folder, ...rest]: string[]): Promise<number> {
  if (folder === undefined || rest.length > 0) {
    throw new UsageError("Usage: deno task package:npm FOLDER");
  }
  await buildPackage(folder);
  return EXIT.ok;
}

if (import.meta.main) await runMain(main, null);
