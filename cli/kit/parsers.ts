import { type ProtocolName, PROTOCOLS } from "../../scoring/protocols.ts";
import type { Shard } from "../../datasets/open_dataset.ts";
import { UsageError } from "./flags.ts";

/**
 * Parses lists such as `npy,coco` into some of the known names, each once and in their order.
 *
 * @param option Name of the option.
 * @param others Names that are known too, and left out.
 * @throws {UsageError} If a name is unknown.
 */
export function parseSome<N extends string>(
  option: string,
  texts: readonly string[],
  known: readonly N[],
  others: readonly string[] = [],
): N[] {
  const names: string[] = texts.flatMap((text) => text.split(",")).map((name) => name.trim());
  const all = [...others, ...known];
  const wrong = names.find((name) => !all.includes(name));
  if (wrong === undefined) return known.filter((name) => names.includes(name));
  throw new UsageError(`Option "--${option}" must be some of ${all.join(", ")}, got "${wrong}"`);
}

/** Parses lists such as `per-box,biovil`; `paper` stands for no further protocol. */
export function parseProtocols(texts: readonly string[]): ProtocolName[] {
  return parseSome("protocol", texts, Object.keys(PROTOCOLS) as ProtocolName[], ["paper"]);
}

/** Environment variables by which a cluster numbers its tasks. */
type ClusterVariable =
  | "SLURM_ARRAY_TASK_ID"
  | "SLURM_ARRAY_TASK_COUNT"
  | "SLURM_ARRAY_TASK_MIN"
  | "SLURM_ARRAY_TASK_STEP"
  | "JOB_COMPLETION_INDEX";

/**
 * Parses a shard such as `3/8`, counted from 1. `auto` takes number and count from Slurm's job
 * array. `auto/8` takes only the number, from Slurm's job array or Kubernetes' indexed job.
 *
 * @param variable Returns the value of an environment variable.
 *
 * @throws {UsageError} If the text or a variable is wrong, or there is no such shard.
 */
export function parseShard(
  text: string,
  variable: (name: ClusterVariable) => string | undefined,
): Shard {
  const match = /^(?:(\d{1,6})\/(\d{1,6})|auto(?:\/(\d{1,6}))?)$/.exec(text.trim());
  if (!match) {
    throw new UsageError(
      `Option "--shard" must be I/N such as 3/8, auto or auto/N, got "${text}"`,
    );
  }
  const [, number, count, countOfAuto] = match;
  const shard = number !== undefined
    ? { number: Number(number), count: Number(count) }
    : clusterShard(countOfAuto === undefined ? undefined : Number(countOfAuto), variable);
  if (shard.number >= 1 && shard.number <= shard.count) return shard;
  throw new UsageError(
    `Option "--shard" got "${text}": there is no shard ${shard.number} of ${shard.count}, ` +
      "they are counted from 1",
  );
}

function clusterShard(
  count: number | undefined,
  variable: (name: ClusterVariable) => string | undefined,
): Shard {
  const read = (name: ClusterVariable) => {
    const text = variable(name);
    if (text === undefined || text === "") return undefined;
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw new UsageError(`Variable ${name} must be a whole number, got "${text}"`);
  };
  const task = read("SLURM_ARRAY_TASK_ID");
  if (task !== undefined) {
    const tasks = count ?? read("SLURM_ARRAY_TASK_COUNT");
    if (tasks === undefined) {
      throw new UsageError('Option "--shard auto" needs the variable SLURM_ARRAY_TASK_COUNT');
    }
    // If only some tasks run again, their lowest number is not the number of the first shard.
    const first = count === undefined ? read("SLURM_ARRAY_TASK_MIN") ?? 0 : 1;
    const step = count === undefined ? read("SLURM_ARRAY_TASK_STEP") ?? 1 : 1;
    return { number: (task - first) / step + 1, count: tasks };
  }
  const index = read("JOB_COMPLETION_INDEX");
  if (index === undefined) {
    throw new UsageError(
      'Option "--shard auto" needs the variable SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX',
    );
  }
  if (count === undefined) {
    throw new UsageError('Option "--shard auto" needs the number of shards here, such as auto/8');
  }
  return { number: index + 1, count };
}
