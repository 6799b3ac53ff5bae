/**
 * Fuzz targets for files that options name: a study's YAML, and a table of facts about samples.
 *
 * @module
 */

import { EVAL_COMMAND } from "../../cli/study/eval_flags.ts";
import { readStudy } from "../../cli/study/config.ts";
import { parseFlags } from "../../cli/kit/flags.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { readMetadata } from "../../reports/groups/metadata.ts";
import { chance, mutateBytes, mutateList, pick, utf8 } from "./mutate.ts";
import { Broken, type Target } from "./target.ts";

/** Lines of studies, right and wrong. */
const LINES = [
  ...["steps: 50", "limit: 3", "method: [ldm, biovil]", "protocol: aep", "otsu: false", "out: x/y"],
  ...["model: ldm=ldm", "dataset: rows.csv", "no-report: true", "split: 'te st'", "# a remark", ""],
  ...["protocol:", "  - chex", "\t- union", "steps: &a 1", "seed: *a", "<<: *a", "? [a]", ": b"],
  ...["images: |", "  text", "__proto__: 1", "constructor: {a: b}", "---", "...", "%YAML 9.9"],
  ...["sigma: 1e999", "a: !!binary x", '"steps": "5"', "out: [[[[", "}]", "\ufeffsteps: 5", "'"],
];

/** Cells of tables, some of which are the keys of samples. */
const CELLS = [
  ...["a-1", "files/p10/p10000001/s50000001/a-1.jpg", "p10000001", "10000001.0", "s50000001", ""],
  ...["M", "045Y", "-1", "nan", '"', '""', "a,b", "\r", "\u0000", "../a-1", "a-1.dcm", "=1+1"],
];

const SAMPLES: readonly SampleResult[] = ["a-1", "b-2"].map((name) => ({
  ...{ id: `${name}#1`, image: `files/p10/p10000001/s50000001/${name}.jpg`, phrase: "edema" },
  ...{ status: "skipped", stage: "metrics", reason: "none" },
}));

/** The fuzz targets for files of options. */
export const OPTION_TARGETS: readonly Target[] = [{
  name: "study",
  share: 4,
  make(random) {
    const lines = mutateList(
      random,
      [pick(random, LINES), pick(random, LINES)],
      () => pick(random, LINES),
    );
    const bytes = utf8(lines.join(pick(random, ["\n", "\r\n"])));
    return chance(random, 0.2) ? mutateBytes(random, bytes) : bytes;
  },
  async read(bytes, folder) {
    await Deno.writeFile(`${folder}/study.yaml`, bytes);
    const { args } = await readStudy([`--config=${folder}/study.yaml`], EVAL_COMMAND.flags);
    const values = parseFlags(args, EVAL_COMMAND);
    if (!values || values.operands.length > 0) throw new Broken(`a study became ${args}`);
  },
}, {
  name: "facts",
  share: 4,
  make(random) {
    const row = () => Array.from({ length: 3 }, () => pick(random, CELLS)).join();
    const header = pick(random, [
      "dicom_id,sex,age",
      "subject_id,sex,age",
      "Path,study_id,x",
      "a,b,c",
    ]);
    const bytes = utf8([header, ...Array.from({ length: random.integer(0, 4) }, row)].join("\n"));
    return chance(random, 0.3) ? mutateBytes(random, bytes) : bytes;
  },
  async read(bytes, folder) {
    await Deno.writeFile(`${folder}/facts.csv`, bytes);
    const { values } = await readMetadata(
      `${folder}/facts.csv`,
      SAMPLES,
      undefined,
      (names) => names,
    );
    if ([...values.keys()].some((id) => !SAMPLES.some((sample) => sample.id === id))) {
      throw new Broken("a row became an unknown sample");
    }
  },
}];
