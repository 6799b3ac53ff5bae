import { nameOf } from "../base/paths.ts";
import type { TrainingSet } from "../datasets/training.ts";
import { findModel } from "../hub/catalog.ts";
import { modelState } from "../hub/record.ts";
import type { Method } from "../pipeline/method.ts";
import type { ChosenMethod, MethodContext, MethodRow, WholeDataset } from "./method_row.ts";
import { SEED } from "./registry.ts";
import { trainingOf } from "./training_of.ts";

/** A method and its files. */
export interface MethodSource {
  /** Row of the method. */
  readonly row: MethodRow;
  /** Folder or file of the method; empty if the row has no source. */
  readonly source: string;
  /**
   * Data that the method was trained on, as the user or a module states it.
   *
   * @default {Not stated}
   */
  readonly trained?: readonly TrainingSet[];
}

/** Chosen methods, with the facts about them before they run. */
export interface ChosenMethods {
  /** Names of the variants or methods in the results; a single empty name if there is only one. */
  readonly names: readonly string[];
  /** Facts that decide the results, for `run.json`. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Facts that include the paths of files; they override `facts` in `summary.json`. */
  readonly sources: Readonly<Record<string, unknown>>;
  /** Bytes of each phrase's kept attention on the disk; 0 if no method keeps any. */
  readonly keptBytes: number;
  /**
   * Loads the methods, which takes seconds.
   *
   * @param whole Opens the dataset without shard and limit, to match predictions with its images.
   */
  open(whole: () => Promise<WholeDataset>): Promise<OpenMethods>;
}

/** Methods that are loaded. */
export interface OpenMethods {
  /** The methods by name. */
  readonly methods: Readonly<Record<string, Method>>;
  /** Frees the memory of the methods. */
  close(): Promise<void>;
}

/**
 * Chooses methods by the options. All checks of the options happen here, before a model takes
 * seconds to load.
 *
 * @param sources The methods by name, at least one.
 * @param values Values of the options.
 */
export async function chooseMethods(
  sources: ReadonlyMap<string, MethodSource>,
  values: object,
  context: MethodContext,
): Promise<ChosenMethods> {
  const chosen = new Map<string, ChosenMethod>();
  // Several methods may run the same model, and warn of the same.
  const warned = new Set<string>();
  const warn = (notice: string) => {
    if (!warned.has(notice)) context.warn(notice);
    warned.add(notice);
  };
  for (const [name, method] of sources) {
    const { row, source } = method;
    const one = await row.choose(source, values, { ...context, warn });
    const trained = trainingToKeep(method, values);
    chosen.set(name, trained ? { ...one, facts: { ...one.facts, trained } } : one);
  }
  const named = [...chosen];
  const [[firstName, first]] = named as [[string, ChosenMethod]];
  const each = (map: (method: ChosenMethod) => object) =>
    Object.fromEntries(named.map(([name, method]) => [name, map(method)]));
  const isSeedAlone = named.length === 1 && firstName === SEED;
  return {
    names: named.length > 1 ? named.map(([name]) => name) : first.variants ?? [""],
    facts: isSeedAlone ? first.facts : {
      method: named.map(([name]) => name).join(),
      methods: each(({ facts }) => facts),
    },
    sources: isSeedAlone
      ? first.source
      : { methods: each(({ facts, source }) => ({ ...facts, ...source })) },
    keptBytes: named.reduce((sum, [, { keptBytes = 0 }]) => sum + keptBytes, 0),
    open: async (whole) => {
      const methods: Record<string, Method> = {};
      const close = async () => {
        for (const method of Object.values(methods)) await method.close();
      };
      try {
        for (const [name, method] of named) methods[name] = await method.open(whole);
      } catch (error) {
        await close();
        throw error;
      }
      return { methods, close };
    },
  };
}

/**
 * Training data of a method before a run that the run's record must keep: the statement of the user or
 * of a module, or that of a model that was fetched by name. `undefined` if the registry knows it
 * anyway, or nobody does.
 *
 * @param values Values of the options.
 */
function trainingToKeep(
  { row, source, trained }: MethodSource,
  values: object,
): readonly TrainingSet[] | undefined {
  if (trained) return trained;
  // A U-Net from elsewhere takes the place of the model's.
  if ("unet" in values && values.unet) return undefined;
  if (row.source?.option !== "model" || row.trained?.({}) || source === "") {
    return undefined;
  }
  const model = findModel(nameOf(source));
  if (!model || modelState(model, source).kind !== "here") return undefined;
  return trainingOf(model.name);
}

/** All that is known before a run about the training of its methods. */
export function trainingBefore(
  sources: ReadonlyMap<string, MethodSource>,
  values: object,
): TrainingSet[] {
  return [...sources.values()].flatMap((method) =>
    trainingToKeep(method, values) ?? method.row.trained?.({}) ?? []
  );
}
