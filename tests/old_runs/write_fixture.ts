/**
 * Writes the fixture anew: `deno run --allow-read --allow-write --allow-run=deno
 * tests/old_runs/write_fixture.ts`. Only a change of the bundled model, or of the version that
 * run.json states, justifies it. Any other change that needs a new fixture would break the users'
 * unfinished runs.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { inFolder } from "../support/command.ts";
import { copy } from "../support/copy.ts";
import { DERIVED, FIXTURE, hashesOf, prepare, run, RUNS } from "./commands.ts";

/** Files of a run that later commands read. */
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
