import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { command, type ValuesOf } from "./kit/flags.ts";
import { masksOf } from "./kit/images.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { validateRun } from "../reports/validate_run.ts";

/** Differences to print; a run of another version may have one for each number. */
const MOST = 20;

const COMMAND = command({
  usage: "deno task validate RESULTS [options]",
  description:
    "Recomputes every number of a run from its stored heatmaps and boxes, without model and images: " +
    "thresholds and scores of each sample, summary.json and the tables. Says what differs, and ends " +
    `with code ${EXIT.failures} if anything does.`,
  operand: "RESULTS",
  flags: {
    tolerance: {
      type: "number",
      min: 0,
      default: 0,
      description:
        "Largest difference of two numbers that counts as none. A run on a GPU differs by rounding; " +
        "with a tolerance the rounded numbers of tables are left out.",
    },
    ...PROGRESS_FLAGS,
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const { operands: [folder], tolerance } = values;
  const progress = new Progress(values.progress);
  try {
    const found = await validateRun(folder!, {
      ...{ tolerance, signal },
      onProgress: (done, total) => progress.follow(done, total),
    });
    progress.clear();
    for (const { file, place, stored, recomputed } of found.differences.slice(0, MOST)) {
      const where = place === "" ? file : `${file}, ${place}`;
      console.log(`${where}: ${stored ?? "missing"}, recomputed ${recomputed ?? "nothing"}`);
    }
    const { samples, values: compared, tables, differences, largest, notes } = found;
    if (differences.length > MOST) console.log(`and ${differences.length - MOST} more differences`);
    for (const note of notes) console.log(note);
    const of = `${compared} values of ${samples} samples, the summary and ${tables.length} tables`;
    console.log(
      differences.length === 0 && largest === 0
        ? `No difference in ${of}.`
        : `${differences.length} difference${differences.length === 1 ? "" : "s"} in ${of}; ` +
          `the largest difference of two numbers is ${largest}.`,
    );
    return differences.length === 0 ? EXIT.ok : EXIT.failures;
  } finally {
    progress.clear();
  }
}

await runCommand(COMMAND, main, async ({ operands }) => ({
  // `main` reads the results and reports their errors.
  read: [...operands, ...await masksOf(operands[0]!).catch(() => [])],
  write: [],
}));
