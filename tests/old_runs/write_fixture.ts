/**
 * Writes the fixture anew: `deno run --allow-read --allow-write --allow-run=deno
 * tests/old_runs/write_fixture.ts`. Only a change of the bundled model is a reason to: every other
 * change that needs it breaks the runs that users have begun.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { inFolder } from "../support/command.ts";
import { copy } from "../support/copy.ts";
import { DERIVED, FIXTURE, hashesOf, prepare, run, RUNS } from "./commands.ts";

/** The files of a run that a later command reads. */
const KEPT = ["run.json", "results.jsonl", "heatmaps.bin"];

await inFolder(async (folder) => {
  await prepare(folder);
  const hashes: Record<string, string> = {};
  for (const [name, args] of Object.entries(RUNS)) {
    await run(folder, "eval", [...args, "--no-report", "--out", name]);
    Object.assign(hashes, await hashesOf(folder, name));
    await Deno.mkdir(`${FIXTURE}/${name}`, { recursive: true });
    for (const file of KEPT) {
      await Deno.copyFile(`${folder}/${name}/${file}`, `${FIXTURE}/${name}/${file}`);
    }
  }
  for (const { command, args, out } of DERIVED) {
    await run(folder, command, [...args, "--out", out]);
    Object.assign(hashes, await hashesOf(folder, out));
  }
  await Deno.writeTextFile(`${FIXTURE}/hashes.json`, JSON.stringify(hashes, null, 1) + "\n");
  await copy(`${folder}/set`, `${FIXTURE}/set`);
});
