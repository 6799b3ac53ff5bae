import "../../base/host/deno/mod.ts";
import { assertEquals } from "@std/assert";
import { inFolder } from "../support/command.ts";
import { copy } from "../support/copy.ts";
import { DERIVED, FIXTURE, hashesOf, prepare, run, RUNS } from "./commands.ts";

const HASHES: Record<string, string> = JSON.parse(
  await Deno.readTextFile(`${FIXTURE}/hashes.json`),
);

/** Returns the expected hashes of the files below the given folders. */
function expected(...folders: string[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(HASHES).filter(([path]) => folders.includes(path.split("/")[0]!)),
  );
}

/** Cuts a run off: keeps its first result lines, and its heatmaps up to the middle of a record. */
async function breakOff(run: string, lines: number): Promise<void> {
  const results = await Deno.readTextFile(`${run}/results.jsonl`);
  const kept = results.split("\n").slice(0, lines).join("\n");
  await Deno.writeTextFile(`${run}/results.jsonl`, `${kept}\n{"id":"tall`);
  const { size } = await Deno.stat(`${run}/heatmaps.bin`);
  await Deno.truncate(`${run}/heatmaps.bin`, Math.round(0.55 * size));
}

for (const [name, args] of Object.entries(RUNS)) {
  Deno.test(`a run of an earlier version goes on to the same bytes: ${name}`, () =>
    inFolder(async (folder) => {
      await prepare(folder);
      await copy(`${FIXTURE}/${name}`, `${folder}/${name}`);
      await breakOff(`${folder}/${name}`, name === "both" ? 7 : 4);
      await run(folder, "eval", [...args, "--no-report", "--out", name]);
      assertEquals(await hashesOf(folder, name), expected(name));
    }));
}

Deno.test("a run of an earlier version is scored, converted and shown as it was", () =>
  inFolder(async (folder) => {
    await prepare(folder);
    for (const name of Object.keys(RUNS)) await copy(`${FIXTURE}/${name}`, `${folder}/${name}`);
    const hashes: Record<string, string> = {};
    for (const { command, args, out } of DERIVED) {
      await run(folder, command, [...args, "--out", out]);
      Object.assign(hashes, await hashesOf(folder, out));
    }
    assertEquals(hashes, expected(...DERIVED.map(({ out }) => out)));
  }));
