/**
 * Hashes of the library's exports, for the promise in docs/library.md. After a release:
 *
 *     deno run --allow-read --allow-write=tests/api.txt --allow-run=deno tests/support/api.ts
 *
 * @module
 */

import { createHash } from "node:crypto";
import { readOutput } from "./command.ts";

const ROOT = new URL("../../", import.meta.url);

/** Parts of a declaration that do not change its type: places, comments, and a parameter's text. */
const ASIDE = new Set(["location", "jsDoc", "filename", "specifier", "resolution", "repr"]);

/** Hash of each export's declaration in `mod.ts` and `browser.ts`, by its name. */
export async function exportsOf(): Promise<Map<string, string>> {
  const args = ["doc", "--json", "mod.ts", "browser.ts"];
  const { code, stdout, stderr } = await readOutput("deno", { args, cwd: ROOT });
  if (code !== 0) throw new Error(stderr);
  interface Module {
    readonly symbols: readonly {
      readonly name: string;
      readonly declarations: readonly { readonly kind: string }[];
    }[];
  }
  const modules: Module[] = Object.values(JSON.parse(stdout).nodes);
  const hashes = new Map<string, string>();
  for (const { name, declarations } of modules.flatMap(({ symbols }) => symbols)) {
    // An export of both modules is declared in the first; the second has its place alone.
    if (declarations.every(({ kind }) => kind === "reference")) continue;
    const text = JSON.stringify(declarations, (key, value) => ASIDE.has(key) ? undefined : value);

    hashes.set(name, createHash("sha256").update(text).digest("hex").slice(0, 12));
  }
  return new Map([...hashes].sort(([a], [b]) => a < b ? -1 : 1));
}

if (import.meta.main) {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const lines = Array.from(await exportsOf(), ([name, hash]) => `${name} ${hash}`);
  await Deno.writeTextFile(new URL("tests/api.txt", ROOT), [version, ...lines, ""].join("\n"));
}
