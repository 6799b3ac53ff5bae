/**
 * Gives file readers many inputs, each made from a seed, and checks the outcomes.
 *
 * @module
 */

import { Random } from "../../base/random.ts";
import { BIOVIL_TARGETS } from "./biovil_targets.ts";
import { CHECKPOINT_TARGETS } from "./checkpoint_targets.ts";
import { DATASET_TARGETS } from "./dataset_targets.ts";
import { DICOM_TARGET } from "./dicom_target.ts";
import { IMAGE_TARGETS } from "./image_targets.ts";
import { PHRASE_TARGET } from "./phrase_target.ts";
import { MAP_TARGET } from "./map_target.ts";
import { MODEL_TARGETS } from "./model_targets.ts";
import { OPTION_TARGETS } from "./option_targets.ts";
import { RUN_TARGETS } from "./run_targets.ts";
import { Broken, requireTyped, type Target } from "./target.ts";

/** The readers of all files that come from outside the program. */
export const TARGETS: readonly Target[] = [
  ...CHECKPOINT_TARGETS,
  ...MODEL_TARGETS,
  ...BIOVIL_TARGETS,
  ...DATASET_TARGETS,
  ...IMAGE_TARGETS,
  DICOM_TARGET,
  MAP_TARGET,
  PHRASE_TARGET,
  ...OPTION_TARGETS,
  ...RUN_TARGETS,
];

/** Longest time for one input, in milliseconds, with room for a busy machine. */
const MAX_TIME = 2000;
/** Highest memory growth for one input, in bytes: all inputs are small. */
const MAX_BYTES = 128 * 2 ** 20;

/** Outcomes of one target's inputs. */
export interface Tally {
  readonly name: string;
  inputs: number;
  valid: number;
  /** Number of refused inputs, by the class of the error. */
  readonly refused: Map<string, number>;
  crashes: number;
  /** Time of the slowest input, in milliseconds. */
  slowest: number;
  /** Highest memory growth of an input, in bytes. */
  memory: number;
}

/** An input that made a reader break a promise. */
export interface Crash {
  readonly target: string;
  readonly input: Uint8Array;
  readonly reason: string;
}

/** Outcome of one input. */
interface Outcome {
  readonly time: number;
  readonly memory: number;
  /** Class of the typed error, if it was refused. */
  readonly refused?: string;
  /** Message of the typed error. */
  readonly message?: string;
  /** Description of the broken promise, if the reader broke a promise. */
  readonly broken?: string;
}

/** Returns the growth of memory in bytes: of resident or of allocated memory, whichever is more. */
function growth(since: Deno.MemoryUsage): number {
  const { rss, heapUsed, external } = Deno.memoryUsage();
  return Math.max(0, rss - since.rss, heapUsed + external - since.heapUsed - since.external);
}

// A reader that adds a key to one of these prototypes changes every object of the program.
const ROOTS = [Object.prototype, Array.prototype, Function.prototype];
const rootKeys = () => ROOTS.map((root) => Reflect.ownKeys(root).length).join();
const ROOT_KEYS = rootKeys();

/** Gives one input to a reader and judges the outcome. */
export async function tryInput(
  target: Target,
  input: Uint8Array,
  folder: string,
): Promise<Outcome> {
  const own = `${folder}/${target.name.replace(/\W/g, "-")}`;
  if (!/^model /.test(target.name)) await Deno.mkdir(own, { recursive: true });
  const before = Deno.memoryUsage();
  const start = performance.now();
  const measured = () => ({
    time: performance.now() - start,
    memory: growth(before),
  });
  let outcome: Outcome;
  try {
    await target.read(input, own);
    outcome = measured();
    if (target.refusal) throw new Broken("it was accepted, expected a refusal");
  } catch (error) {
    outcome = measured();
    try {
      const refused = requireTyped(error, [
        own,
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "tokenizer.json",
        "phrase",
      ], target.isOfSample);
      if (target.refusal && !target.refusal.test((error as Error).message)) {
        throw new Broken(`it was refused for another reason: ${(error as Error).message}`);
      }
      outcome = { ...outcome, refused, message: (error as Error).message };
    } catch (broken) {
      outcome = { ...outcome, broken: (broken as Error).message };
    }
  }
  if (rootKeys() !== ROOT_KEYS) return { ...outcome, broken: "it changed a prototype" };
  if (outcome.time > MAX_TIME) return { ...outcome, broken: `it took ${outcome.time} ms` };
  if (outcome.memory > MAX_BYTES) return { ...outcome, broken: `it took ${outcome.memory} bytes` };
  return outcome;
}

/** Options of {@linkcode fuzz}. */
export interface FuzzOptions {
  readonly seed: number;
  /** Inputs over all targets. */
  readonly inputs: number;
  readonly targets: readonly Target[];
  /** Folder for the files that the readers read. */
  readonly folder: string;
  readonly onCrash: (crash: Crash, index: number) => Promise<void> | void;
}

/**
 * Fuzzes targets one after another.
 *
 * @returns The outcomes of each target, as soon as the target is done.
 */
export async function* fuzz(options: FuzzOptions): AsyncIterableIterator<Tally> {
  const { seed, inputs, targets, folder, onCrash } = options;
  const shares = targets.reduce((sum, { share }) => sum + share, 0);
  for (const target of targets) {
    const tally: Tally = {
      name: target.name,
      inputs: Math.ceil(inputs * target.share / shares),
      valid: 0,
      refused: new Map(),
      crashes: 0,
      slowest: 0,
      memory: 0,
    };
    for (let index = 0; index < tally.inputs; index++) {
      const input = await target.make(new Random(seed * 2 ** 26 + index));
      let outcome = await tryInput(target, input, folder);
      // Try again: garbage collection or a busy machine may have caused the first failure.
      if (outcome.broken) outcome = await tryInput(target, input, folder);
      tally.slowest = Math.max(tally.slowest, outcome.time);
      tally.memory = Math.max(tally.memory, outcome.memory);
      if (outcome.broken) {
        tally.crashes++;
        await onCrash({ target: target.name, input, reason: outcome.broken }, index);
      } else if (outcome.refused) {
        tally.refused.set(outcome.refused, (tally.refused.get(outcome.refused) ?? 0) + 1);
      } else tally.valid++;
    }
    yield tally;
  }
}
