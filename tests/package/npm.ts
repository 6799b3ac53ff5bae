/** Checks the npm package as its users have it: built, packed, and installed into an empty folder. */
import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { groundImage } from "../../pipeline/ground.ts";
import { scoreHeatmap } from "../../scoring/score_heatmap.ts";
import { modelFiles } from "../../web/server/page_files.ts";
import { startServer } from "../../web/server/server.ts";
import { withPage } from "../support/chromium.ts";
import { type CommandResult, readOutput, runCommand } from "../support/command.ts";

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** Most bytes of the installed package beside ONNX Runtime and Deno. */
const MOST = 60e6;

const folder = await Deno.makeTempDir({ prefix: "groundray-package-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** Runs a program without Deno in its path and without a way to the network. */
async function run(program: string, args: readonly string[], cwd = folder): Promise<CommandResult> {
  const { PATH = "", HOME = "" } = Deno.env.toObject();
  const withoutDeno = PATH.split(":").filter((path) => !isThere(`${path}/deno`)).join(":");
  return await readOutput(program, {
    args: [...args],
    cwd,
    clearEnv: true,
    env: {
      ...{ PATH: withoutDeno, HOME, NO_COLOR: "1", XDG_RUNTIME_DIR: "/tmp" },
      // Nothing listens at this port.
      ...{ HTTPS_PROXY: "http://127.0.0.1:9", HTTP_PROXY: "http://127.0.0.1:9" },
    },
  });
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}

/** Runs a program that must succeed, and returns its output. */
async function must(program: string, args: readonly string[], cwd = folder): Promise<string> {
  const { code, stdout, stderr } = await readOutput(program, { args: [...args], cwd });
  assertEquals(code, 0, `${program} ${args.join(" ")}\n${stderr}`);
  return stdout;
}

/** Builds, packs and installs the package. */
async function install(): Promise<void> {
  await must("deno", ["task", "--quiet", "package:npm", `${folder}/built`], ROOT);
  const archive = await must("npm", ["pack", "--silent"], `${folder}/built`);
  await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  await must("npm", ["install", ...options, `${folder}/built/${archive.trim()}`]);
}

await install();

const npx = (...args: string[]) => run("npx", ["--offline", "groundray", ...args]);

/** Paths and sizes of all files below a folder. */
function* files(path: string): Iterable<[path: string, size: number]> {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(path)) {
    if (isDirectory) yield* files(`${path}/${name}`);
    else if (isFile) yield [`${path}/${name}`, Deno.statSync(`${path}/${name}`).size];
  }
}

Deno.test("the package is small, and holds nothing of tests and no install script", async () => {
  const all = [...files(`${folder}/node_modules`)];
  const own = all.filter(([path]) => !/\/node_modules\/(@?deno|onnxruntime-[a-z]+)\//.test(path));
  const bytes = own.reduce((sum, [, size]) => sum + size, 0);
  assert(bytes < MOST, `${bytes} bytes`);
  const foreign =
    /_test\.|\/fixtures\/|\/(playwright-core|kubernetes-models|esbuild-wasm|deno-std\/assert)\//;
  assertEquals(own.filter(([path]) => foreign.test(path)), []);
  const facts = JSON.parse(
    await Deno.readTextFile(`${folder}/node_modules/groundray/package.json`),
  );
  assertEquals([facts.version, facts.scripts], [manifest.version, undefined]);
  for (const version of Object.values(facts.dependencies)) assertMatch(`${version}`, /^\d/);
});

Deno.test("npx groundray runs without Deno on the machine and without network", async () => {
  assertEquals((await npx("--version")).stdout, `groundray ${manifest.version}\n`);
  const image = `${ROOT}docs/phantom.jpg`;
  const args = ["--image", image, "--phrase", "left pleural effusion", "--device", "cpu", "--out"];
  const packed = await npx("ground", ...args, "packed");
  assertEquals(packed.code, 0, packed.stderr);
  const cloned = await runCommand("ground", [...args, "cloned"], folder);
  assertEquals(cloned.code, 0, cloned.stderr);
  for (const name of ["heatmap.npy", "overlay.png"]) {
    const [a, b] = await Promise.all(
      ["packed", "cloned"].map((out) => Deno.readFile(`${folder}/${out}/${name}`)),
    );
    assertEquals(a, b, name);
  }
  const run = await npx("eval", "--limit", "2", "--device", "cpu", "--out", "run");
  assertEquals(run.code, 0, run.stderr);
  assertMatch((await npx("validate", "run")).stdout, /^No difference in /);
  // Decoders, fonts, and the libraries that come as one module each.
  const figures = await npx("figures", "run", "--count", "1", "--out", "figures");
  assertEquals(figures.code, 0, figures.stderr);
  const converted = await npx("convert", "run", "--to", "nifti,png16", "--out", "converted");
  assertEquals(converted.code, 0, converted.stderr);
});

Deno.test("npx groundray keeps exit codes, and gives a command its own permissions", async () => {
  const wrong = await npx("eval", "--datset", "x");
  assertEquals([wrong.code, wrong.stdout], [2, ""]);
  assertMatch(wrong.stderr, /^Unknown option "--datset": did you mean "--dataset"\?\n$/);
  const bin = `${folder}/node_modules/.bin/groundray`;
  const child = new Deno.Command("node", {
    args: [bin, "serve", "--no-open", "--port", "0"],
    cwd: folder,
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const address = new TextDecoder().decode((await reader.read()).value).trim();
  try {
    // Deno itself may not read the system's facts about processes.
    const process = `/proc/${child.pid}/task/${child.pid}/children`;
    const script = `const read = (path) => require("fs").readFileSync(path, "utf8");
      console.log(read("/proc/" + read("${process}").trim() + "/cmdline"));`;
    const started = await must("node", ["--eval", script]);
    const options = started.split("\0").filter((word) => word.startsWith("-"));
    assert(options.includes("-P=serve"), started);
    assertEquals(options.filter((option) => /^(-A|--allow)/.test(option)), []);
    assertMatch(started, /\/node_modules\/@deno\/[^/]+\/deno\0/);
    for (const path of ["", "main.js", "worker.js", "packages/imagescript/wasm/any/png.wasm"]) {
      const response = await fetch(address + path);
      assertEquals([response.status, (await response.bytes()).length > 1000], [200, true], path);
    }
  } finally {
    child.kill("SIGTERM");
    await reader.cancel();
  }
  assertEquals((await child.status).code, 130);
});

Deno.test("every command of the package tells its options, and completions know all commands", async () => {
  const bin = `${folder}/node_modules/.bin/groundray`;
  for (const name of Object.keys(manifest.permissions)) {
    const { code, stdout, stderr } = await run("node", [bin, name, "--help"]);
    assertEquals([code, stderr], [0, ""], name);
    assertMatch(stdout, new RegExp(`^Usage: groundray ${name} `));
  }
  const { stdout } = await run("node", [bin, "completions", "bash"]);
  for (const name of Object.keys(manifest.permissions)) {
    assert(stdout.includes(` '${name}') `), name);
  }
});

Deno.test("the package writes the site, with the licences of all libraries in it", async () => {
  const site = await npx("site", "--out", "site");
  assertEquals(site.code, 0, site.stderr);
  const licenses = await Deno.readTextFile(`${folder}/site/LICENSES.txt`);
  // Libraries of scripts, of a bundled library, and beside the package.
  for (
    const name of ["@noble/hashes", "d3-color", "css-select", "imagescript", "onnxruntime-web"]
  ) {
    assertMatch(licenses, new RegExp(`^${name} \\d[\\d.]*: \\S`, "m"));
  }
  const text = await Deno.readTextFile(`${folder}/node_modules/groundray/LICENSES.txt`);
  assertEquals(licenses, text);
});

const LIBRARY = `
import { drawPhantom, groundImage, loadBundle, scoreHeatmap } from "groundray";
const bundle = await loadBundle("node_modules/groundray/models/demo");
const xray = drawPhantom({ seed: 1 });
const quick = { bundle, noise: "sample", steps: 10 };
const [result] = await groundImage(xray, ["left pleural effusion"], quick);
console.log(JSON.stringify(result.originalBox), typeof scoreHeatmap);
`;

Deno.test("Deno imports the library from the package", async () => {
  await Deno.writeTextFile(`${folder}/library.js`, LIBRARY);
  const permissions = [
    ...["--allow-read=.,/etc/ld.so.cache", "--allow-ffi=node_modules"],
    "--allow-env=ORT_DISABLE_TELEMETRY",
  ];
  const args = ["run", "--quiet", "--no-prompt", "--cached-only", ...permissions, "library.js"];
  const { code, stdout, stderr } = await readOutput("deno", { args, cwd: folder });
  assertEquals(code, 0, stderr);
  const bundle = await loadBundle("models/demo");
  const quick = { bundle, noise: "sample", steps: 10 } as const;
  const [result] = await groundImage(drawPhantom({ seed: 1 }), ["left pleural effusion"], quick);
  assertEquals(stdout, `${JSON.stringify(result!.originalBox)} function\n`);
});

Deno.test("Node imports the functions that need no files; others say where they work", async () => {
  await Deno.writeTextFile(
    `${folder}/node.js`,
    `import * as library from "groundray";
const { drawPhantom, scoreHeatmap, groundImage } = library;
const { width, height } = drawPhantom({ seed: 1 });
const heatmap = new Float32Array(16).map((_, i) => i / 16);
const scores = scoreHeatmap(heatmap, { width: 8, height: 8 }, [[1, 1, 4, 4]]);
let message;
try { groundImage(); } catch (error) { message = error.message; }
console.log(JSON.stringify({ width, height, scores, message, names: Object.keys(library) }));
`,
  );
  const { code, stdout, stderr } = await run("node", ["node.js"]);
  assertEquals(code, 0, stderr);
  const { scores, message, names, ...size } = JSON.parse(stdout);
  const { width, height } = drawPhantom({ seed: 1 });
  assertEquals(size, { width, height });
  const heatmap = new Float32Array(16).map((_, i) => i / 16);
  const expected = scoreHeatmap(heatmap, { width: 8, height: 8 }, [[1, 1, 4, 4]]);
  assertEquals<unknown>(scores, JSON.parse(JSON.stringify(expected)));
  assertMatch(message, /^groundImage of "groundray" needs Deno or, by "groundray\/browser", a br/);
  assertEquals(names, Object.keys(await import("../../mod.ts")).sort());
});

/** Version of the compiler that Node's and a bundler's users have; it is no library of the project. */
const TYPESCRIPT = "5.9.3";

Deno.test("TypeScript knows the library's types in Deno, in Node and for a bundler", async () => {
  const types = `${folder}/types`;
  const programs = {
    deno: `import { type Bundle, groundImage, loadBundle, RunHeatmaps } from "groundray";
const bundle: Bundle = await loadBundle("model");
const [result] = await groundImage("x.png", ["x"], { bundle, steps: 10 });
using heatmaps = await RunHeatmaps.open("run");
console.log(result!.originalBox?.[0].toFixed(), heatmaps);`,
    node: `import { type Box, type Bundle, drawPhantom, InputError, scoreHeatmap } from "groundray";
const boxes: Box[] = [[1, 2, 3, 4]];
const miou: number = scoreHeatmap(new Float32Array(16), drawPhantom({ seed: 1 }), boxes).miou;
let bundle: Bundle | undefined;
console.log(miou, bundle, new InputError("x").message);`,
    browser: `import { giveFiles, groundImage, loadBundle } from "groundray/browser";
import type { Bundle } from "groundray";
giveFiles("model", [{ path: "x", file: new Blob([]) }]);
const bundle: Bundle = await loadBundle("model");
const [result] = await groundImage(new Uint8Array(3), ["x"], { bundle, noise: "sample" });
console.log(result!.originalBox?.[0].toFixed());`,
  };
  const faults = {
    deno: [/steps/g, "stepps", /'stepps' does not exist in type 'GroundImageOptions'/],
    node: [/InputError/g, "openDataset", /'openDataset' cannot be used as a value because/],
    browser: [
      /"sample"/g,
      '"simple"',
      /"simple"' is not assignable to type .*Did you mean '"sample"'\?/,
    ],
  } as const;
  await Deno.mkdir(types);
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  await Deno.writeTextFile(`${types}/package.json`, '{ "type": "module" }');
  await must("npm", ["install", ...quiet, `typescript@${TYPESCRIPT}`], types);
  const compiler = `${types}/node_modules/typescript/bin/tsc`;
  const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom"];
  const check = (name: string, file: string) =>
    name === "deno"
      ? readOutput("deno", { args: ["check", "--quiet", file], cwd: types, env: { NO_COLOR: "1" } })
      : run("node", [
        ...[compiler, ...options, "--module", name === "node" ? "nodenext" : "esnext"],
        ...["--moduleResolution", name === "node" ? "nodenext" : "bundler", file],
      ], types);
  for (const name of ["deno", "node", "browser"] as const) {
    const file = `${types}/${name}.ts`;
    await Deno.writeTextFile(file, programs[name]);
    const right = await check(name, file);
    assertEquals([right.code, right.stdout], [0, ""], right.stderr);
    const [word, other, message] = faults[name];
    await Deno.writeTextFile(file, programs[name].replace(word, other));
    const wrong = await check(name, file);
    assert(wrong.code !== 0, name);
    assertMatch(wrong.stdout + wrong.stderr, message);
  }
});

Deno.test("a bundler imports the library for browsers, and the page grounds a phrase", async () => {
  await Deno.writeTextFile(
    `${folder}/page.js`,
    `import { drawPhantom, giveFiles, groundImage, loadBundle } from "groundray/browser";
const names = ${JSON.stringify([...modelFiles().keys()].filter((path) => /^\/models/.test(path)))};
const files = await Promise.all(names.map(async (path) => (
  { path: path.replace("/models/demo/", ""), file: await (await fetch(path)).blob() }
)));
giveFiles("demo", files);
const bundle = await loadBundle("demo");
const quick = { bundle, noise: "sample", steps: 10 };
const [result] = await groundImage(drawPhantom({ seed: 1 }), ["left pleural effusion"], quick);
document.querySelector("p").textContent = JSON.stringify(result.originalBox);
`,
  );
  const bundler = `${ROOT}node_modules/esbuild-wasm/bin/esbuild`;
  // Without the condition, ONNX Runtime's threads would load the page's script as their own.
  const options = ["--conditions=onnxruntime-web-use-extern-wasm", "--bundle", "--format=esm"];
  await must("node", [bundler, "page.js", ...options, "--outfile=page.bundle.js"]);
  const page = `${folder}/page.html`;
  await Deno.writeTextFile(page, '<p></p><script type="module" src="/page.js"></script>');
  const file = (path: string) => ({ file: new URL(`file://${path}`) });
  const dist = `${folder}/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded`;
  await using server = startServer({
    port: 0,
    device: "auto",
    assets: new Map([
      ...modelFiles(),
      ["/", file(page)],
      ["/page.js", file(`${folder}/page.bundle.js`)],
      ["/favicon.ico", file(page)],
      // A bundler leaves these files to its user, beside the script.
      ...["", ".jspi", ".asyncify"].flatMap((build) =>
        ["mjs", "wasm"].map((ending) =>
          [
            `/${`ort-wasm-simd-threaded${build}.${ending}`}`,
            file(`${dist}${build}.${ending}`),
          ] as const
        )
      ),
    ]),
  });
  await withPage(async (page) => {
    await page.goto(server.url);
    const box = page.locator("p", { hasText: "]" });
    assertMatch((await box.textContent())!, /^\[\d+,\d+,\d+,\d+\]$/);
  }, { webgpu: false, expected: ["No available adapters"] });
});
