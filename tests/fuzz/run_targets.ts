/**
 * The folders of runs: what was run and its results.
 *
 * @module
 */

import { mergeRuns } from "../../reports/merge_runs.ts";
import { RECORD, RESULTS } from "../../reports/run_folder.ts";
import { chance, mutateBytes, mutateJson, utf8 } from "./mutate.ts";
import { Broken, type Target } from "./target.ts";

const RUN = {
  facts: { settings: { steps: 10 }, margin: "excluded" },
  variants: ["a", "b"],
  shard: { number: 1, count: 1 },
  plan: [{ id: "1", index: 0 }, { id: "2", index: 1 }],
};

const SCORES = { absCnr: 1, cnr: 1, miou: 0.5, aucRoc: 0.9 };

const LINES = [
  { id: "1", index: 0, setting: "a", category: "Edema", status: "scored", ...SCORES },
  { id: "1", index: 0, setting: "b", status: "grounded", boxes: [], threshold: null },
  { id: "2", index: 1, status: "failed", stage: "decode", reason: "no file", error: "NotFound" },
];

/** Writes the folder of a run with one of its files an input, and reads it back. */
function target(name: string, file: string, make: Target["make"]): Target {
  return {
    name,
    share: 3,
    make,
    async read(bytes, folder) {
      await Deno.writeTextFile(`${folder}/${RECORD}`, JSON.stringify(RUN));
      await Deno.writeTextFile(
        `${folder}/${RESULTS}`,
        LINES.map((line) => `${JSON.stringify(line)}\n`).join(""),
      );
      await Deno.writeFile(`${folder}/${file}`, bytes);
      const { record, results } = await mergeRuns([folder]);
      if (results.length < record.plan.length) throw new Broken("a sample without a result passed");
    },
  };
}

const results = target("results", RESULTS, (random) => {
  const lines = LINES.map((line) =>
    chance(random, 0.5) ? JSON.stringify(line) : mutateJson(random, line)
  );
  const bytes = utf8(lines.map((line) => `${line}\n`).join(""));
  return chance(random, 0.2) ? mutateBytes(random, bytes) : bytes;
});

const record = target("record", RECORD, (random) => {
  const bytes = utf8(mutateJson(random, RUN));
  return chance(random, 0.2) ? mutateBytes(random, bytes) : bytes;
});

export const RUN_TARGETS: readonly Target[] = [results, record];
