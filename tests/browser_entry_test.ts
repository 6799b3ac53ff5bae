import { assert, assertEquals, assertMatch } from "@std/assert";
import { bundleScript } from "../web/bundle.ts";

const ROOT = new URL("../", import.meta.url);

/** Names that only Deno or Node has. */
const FOREIGN = /\bDeno\.|["']node:|(?<![#.\w])require\(|\bimport\.meta\.resolve\b/;

/** Returns the modules below a folder, without tests and their fixtures. */
async function* modules(folder: URL): AsyncIterableIterator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory && name !== "fixtures") yield* modules(new URL(`${name}/`, folder));
    else if (/\.ts$/.test(name) && !/_test\.ts$/.test(name)) {
      yield new URL(name, folder);
    }
  }
}

Deno.test("the modules of models, stages and shaders name neither Deno nor Node", async () => {
  const found: string[] = [];
  let count = 0;
  for (const room of ["models", "pipeline", "shaders", "images", "scoring"]) {
    for await (const module of modules(new URL(`${room}/`, ROOT))) {
      // Tools of this machine.
      if (module.pathname.includes("/models/demo/training/")) continue;
      count++;
      const code = (await Deno.readTextFile(module)).replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "");
      if (FOREIGN.test(code)) found.push(module.pathname.slice(ROOT.pathname.length));
    }
  }
  assertEquals(found, []);
  assert(count > 100, `only ${count} modules were looked at`);
});

Deno.test("browser.ts is bundled for browsers, with ONNX Runtime left to the page", async () => {
  const builds = ["wasm", "jspi", "webgpu"].map((build) => `onnxruntime-web/${build}`);
  const external = Object.fromEntries(builds.map((name) => [name, `/${name}.mjs`]));
  const script = await bundleScript(new URL("browser.ts", ROOT), { external });
  const text = new TextDecoder().decode(script);
  assertEquals(text.match(FOREIGN), null);
  for (const name of Object.values(external)) assert(text.includes(name), `${name} is not loaded`);
  assertMatch(text, /export\{[^}]*\bas groundImage\b[^}]*\}/);
  const [, exported] = text.match(/export\{([^}]*)\}/)!;
  const names = exported!.split(",").map((part) => part.split(" as ").at(-1)!.trim());
  const page = await Deno.readTextFile(new URL("docs/library.md", ROOT));
  const listed = page.matchAll(/^\| `(\w+)` \|.*\| (?:yes|only) \|$/gm);
  assertEquals(names.sort(), [...listed].map(([, name]) => name!).sort(), "docs/library.md");
});
