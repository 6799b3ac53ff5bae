import { makeFolder } from "../../base/write_whole.ts";
import { isCalled, isOnlyDeclared } from "../groundray/call.ts";
import { EXIT, printHelp, runMain } from "../kit/exit.ts";
import { command, parseFlags, UsageError } from "../kit/flags.ts";

const COMMAND = command({
  usage: "deno task cluster:slurm --shards N --out DIR [options] [options of deno task eval]",
  description:
    "Submits a job array with a shard in each task, and a job that merges all shards at the end.",
  flags: {
    shards: {
      type: "integer",
      min: 1,
      max: 100_000,
      required: true,
      placeholder: "N",
      description: "Number of shards that divide the images of the dataset.",
    },
    out: {
      type: "string",
      required: true,
      placeholder: "DIR",
      description:
        "Folder that all nodes share; receives shard-1 to shard-N, a log of each shard, and merged.",
    },
    only: {
      type: "string",
      placeholder: "LIST",
      description: "Shards to run again before the merge, such as 3,5.",
      defaultText: "all",
    },
    sbatch: {
      type: "list",
      placeholder: "OPTION",
      description:
        "Option for the sbatch of both jobs, such as --partition=cpu. The option may be repeated.",
    },
  },
});

/** Options of eval that are refused, each with the reason. */
const REFUSED: Readonly<Record<string, string>> = {
  overwrite: "every attempt would start again; choose another --out",
  "no-resume": "no attempt could go on after the one before; choose another --out",
  shard: "--shards divides the dataset",
};

async function main(args: string[]): Promise<number> {
  const jobs = planJobs(args, Deno.cwd(), Deno.execPath());
  if (!jobs) {
    printHelp(COMMAND);
    return EXIT.ok;
  }
  const { out, shards, tasks } = jobs;
  // Slurm does not create the folder of a log.
  await makeFolder(out);
  const array = await submit(jobs.array);
  console.log(`Shards ${tasks} of ${shards}: job ${array}; logs: ${out}/shard-<number>.log`);
  const merge = await submit(jobs.merge(array));
  console.log(`Merge after them: job ${merge}; log: ${out}/merge.log`);
  console.log(`Results will be: ${out}/merged/results.jsonl, ${out}/merged/summary.json`);
  return EXIT.ok;
}

/** Jobs to submit to Slurm. */
export interface Jobs {
  /** Folder of the results. */
  readonly out: string;
  /** Number of shards of the dataset. */
  readonly shards: number;
  /** Numbers of the shards to run, in Slurm's notation. */
  readonly tasks: string;
  /** Arguments of `sbatch` for the job array that runs the shards. */
  readonly array: readonly string[];
  /**
   * Returns the arguments of `sbatch` for the merge job; `array` is the number of the job array.
   */
  readonly merge: (array: string) => readonly string[];
}

/**
 * Plans the jobs that the command's arguments ask for; `undefined` if they ask for help.
 *
 * @param folder Folder that a relative `--out` starts from.
 * @param deno Path of Deno on the nodes.
 * @throws {UsageError} If the arguments are wrong.
 */
export function planJobs(args: readonly string[], folder: string, deno: string): Jobs | undefined {
  const { own, others } = divide(args);
  const values = parseFlags(own, COMMAND);
  if (!values) return undefined;
  const { shards, sbatch } = values;
  const tasks = values.only === undefined ? `1-${shards}` : parseOnly(values.only, shards);
  const out = (values.out.startsWith("/") ? values.out : `${folder}/${values.out}`)
    .replace(/(?<=.)\/+$/, "");
  const root = decodeURIComponent(new URL("../..", import.meta.url).pathname).replace(/\/$/, "");
  // Slurm replaces patterns that begin with % in the name of a log.
  const logs = out.replaceAll("%", "%%");
  const common = [deno, root, `${shards}`, out];
  return {
    out,
    shards,
    tasks,
    array: [
      ...["--parsable", `--array=${tasks}`, `--output=${logs}/shard-%a.log`, ...sbatch],
      ...[`${root}/cluster/slurm/shard.sbatch`, ...common, ...others],
    ],
    // `afterany` runs the merge even if a shard failed: the merge names missing samples, Slurm does
    // not.
    merge: (array) => [
      ...["--parsable", `--dependency=afterany:${array}`, `--output=${logs}/merge.log`, ...sbatch],
      ...[`${root}/cluster/slurm/merge.sbatch`, ...common],
    ],
  };
}

/** Separates the options of this command from the options that eval receives unchanged. */
function divide(args: readonly string[]): { own: string[]; others: string[] } {
  const own: string[] = [];
  const others: string[] = [];
  // `deno task name -- …` passes the dashes on.
  const given = args[0] === "--" ? args.slice(1) : args;
  for (let i = 0; i < given.length; i++) {
    const arg = given[i]!;
    const [, name, hasValue] = /^--([^=]*)(=)?/.exec(arg) ?? [];
    if (name !== undefined && Object.hasOwn(REFUSED, name)) {
      throw new UsageError(`Option "--${name}" cannot be used here: ${REFUSED[name]}`);
    }
    if (name !== undefined && Object.hasOwn(COMMAND.flags, name)) {
      // The next argument is the value, even with dashes at the start, like an option of sbatch.
      const value = hasValue ? undefined : given[++i];
      own.push(value === undefined ? arg : `${arg}=${value}`);
    } else if (name === "help" || arg === "-h") {
      own.push(arg);
    } else {
      others.push(arg);
    }
  }
  return { own, others };
}

/** Parses numbers of shards, such as `3,5`, and returns them in Slurm's notation. */
function parseOnly(text: string, shards: number): string {
  for (const part of text.split(",")) {
    if (!/^[1-9]\d{0,5}$/.test(part.trim()) || Number(part) > shards) {
      throw new UsageError(
        `Option "--only" must be numbers of shards from 1 to ${shards} such as 1,2, got "${text}"`,
      );
    }
  }
  return text.replace(/\s/g, "");
}

/** Prints the command that submits a job, runs it, and returns the job's number. */
async function submit(args: readonly string[]): Promise<string> {
  console.log(["sbatch", ...args].map(quote).join(" "));
  const { success, stdout, stderr } = await runSbatch(args);
  if (!success) throw new Error(`Cannot submit: ${new TextDecoder().decode(stderr).trim()}`);
  // With several clusters, the name of the cluster follows the number.
  return new TextDecoder().decode(stdout).trim().split(";")[0]!;
}

async function runSbatch(args: readonly string[]): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command("sbatch", { args: [...args] }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("Cannot submit: there is no sbatch here, which comes with Slurm");
  }
}

/** Quotes a word for a shell. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

if (isCalled(import.meta) && !isOnlyDeclared(COMMAND)) await runMain(main);
