/**
 * Fuzz targets for folders of runs: record, results and heatmaps.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { encodeHeatmap, HEATMAPS } from "../../runs/heatmap_file.ts";
import { mergeRuns } from "../../runs/merge_runs.ts";
import { rescoreRun } from "../../runs/rescore_run.ts";
import { RECORD, RESULTS } from "../../runs/run_folder.ts";
import { chance, join, mutateBytes, mutateJson, utf8 } from "./mutate.ts";
import { Broken, type Target } from "./target.ts";

/** Record of a valid run. */
export const RUN = {
  facts: {
    settings: {
      ...{ steps: 10, sigma: 1 },
      variants: [{ name: "a", otsu: true }, { name: "b", otsu: false }],
    },
    margin: "excluded",
    protocols: ["per-box", "largest-component-box", "pointing-game", "pixel-auc"],
  },
  variants: ["a", "b"],
  shard: { number: 1, count: 1 },
  plan: [{ id: "1", index: 0 }, { id: "2", index: 1 }],
};

const SCORES = { absCnr: 1, cnr: 1, miou: 0.5, aucRoc: 0.9 };

const LINES = [
  {
    ...{ id: "1", index: 0, setting: "a", category: "Edema", boxes: [[2, 3, 4, 5], [0, 0, 9, 9]] },
    ...{
      threshold: 0.5,
      ...SCORES,
      protocols: { "pointing-game": [{ hit: 1 }] },
      status: "scored",
    },
  },
  { id: "1", index: 0, setting: "b", status: "grounded", boxes: [], threshold: null },
  { id: "2", index: 1, status: "failed", stage: "decode", reason: "no file", error: "NotFound" },
];

const VALUES = Float32Array.of(0, 0.25, 0.5, 1);

const HEATMAP = { id: "1", size: 8, image: { width: 12, height: 10 } };

const RECORDS = ["a", "b"].map((setting) =>
  encodeHeatmap({ ...HEATMAP, setting, layers: [{ layer: 3, side: 2, data: VALUES }] })
);

/**
 * Makes a target that writes a run's folder with the input in place of one file, and reads it back.
 */
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
      await Deno.writeFile(`${folder}/${HEATMAPS}`, join(...RECORDS));
      await Deno.writeFile(`${folder}/${file}`, bytes);
      const { record, results, heatmaps } = await mergeRuns([folder]);
      await Array.fromAsync(heatmaps);
      if (results.length < record.plan.length) throw new Broken("a sample without a result passed");
      const { samples } = await rescoreRun(folder);
      for await (const { results } of samples) {
        if (results.length === 0) throw new Broken("a sample without a result passed");
      }
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

const heatmaps = target("heatmaps", HEATMAPS, (random) => {
  const [one, other] = RECORDS as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
  if (chance(random, 0.3)) return mutateBytes(random, join(one, other));
  const header = { ...HEATMAP, setting: "a", layers: [[3, 2]] };
  const text = chance(random, 0.8)
    ? utf8(mutateJson(random, header))
    : utf8(JSON.stringify(header));
  const values = new Uint8Array(VALUES.buffer);
  const rest = join(text, chance(random, 0.3) ? mutateBytes(random, values) : values);
  const words = [0x314d4847, text.length, rest.length - text.length, crc32(rest)];
  return join(new Uint8Array(Uint32Array.from(words).buffer), rest, other);
});

export const RUN_TARGETS: readonly Target[] = [results, record, heatmaps];
