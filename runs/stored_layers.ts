import type { SampleResult, StoredHeatmap } from "../pipeline/evaluate.ts";
import type { AveragedLayer } from "../pipeline/postprocess.ts";
import type { Run } from "./run.ts";
import { hasHeatmap, type KeptAttention, keptOf, RECORD } from "./run_folder.ts";
import { ldmSettings } from "./scoring_settings.ts";

/** Layers and steps that a heatmap averages. */
export interface AttentionChoice {
  /** Cross-attention layers in ascending order. */
  readonly layers: readonly number[];
  /** First step, an index into the timesteps. */
  readonly start: number;
  /** One past the last step. */
  readonly end: number;
}

/** Attention of the diffusion model that a run stores. */
export interface StoredAttention {
  /** Number of steps T of the trajectory. */
  readonly steps: number;
  /** Choices of the run's own heatmaps, by the name of the setting. */
  readonly own: ReadonlyMap<string, AttentionChoice>;
  /** Attention that the run keeps beside its heatmaps; absent if it keeps none. */
  readonly kept?: KeptAttention;
}

/** Settings of the diffusion model in a run's record, as far as they are read here. */
interface ModelSettings extends AttentionChoice {
  readonly steps: number;
  readonly variants?: readonly (AttentionChoice & { readonly name: string })[];
}

/**
 * Reads from a run's record which attention the run stores.
 *
 * @throws {SyntaxError} If the record does not state layers and steps.
 */
export function storedAttention({ record, folder }: Run): StoredAttention {
  const { facts, variants: names } = record;
  const isMixed = facts.methods !== undefined;
  const kept = keptOf(record);
  const { steps, variants, ...single } = ldmSettings(record) as Partial<ModelSettings>;
  const own = new Map<string, AttentionChoice>();
  for (const name of isMixed ? names.filter((name) => ["", "ldm"].includes(name)) : names) {
    const found = Array.isArray(variants)
      ? variants.find((variant) => variant?.name === name)
      : single;
    if (found && isChoice(found)) own.set(name, found);
  }
  const areGroups = kept === undefined || Array.isArray(kept.steps) && kept.steps.length > 0 &&
      kept.steps.every((range, i) =>
        isChoice({ layers: kept.layers, start: range?.[0], end: range?.[1] }) &&
        (i === 0 || range[0] === kept.steps[i - 1]![1])
      );
  if (own.size > 0 && Number.isSafeInteger(steps) && areGroups) {
    return { steps: steps!, own, ...(kept && { kept }) };
  }
  throw new SyntaxError(
    `Cannot read "${folder}/${RECORD}": expected layers and steps of the diffusion model's heatmaps`,
  );
}

function isChoice(
  choice: { readonly [Name in keyof AttentionChoice]?: AttentionChoice[Name] | undefined },
): choice is AttentionChoice {
  const { layers, start, end } = choice;
  return Array.isArray(layers) && layers.length > 0 && layers.every(Number.isSafeInteger) &&
    Number.isSafeInteger(start) && Number.isSafeInteger(end) && start! < end!;
}

/** Returns true if a run stores the attention of a choice. */
export function canRead(stored: StoredAttention, choice: AttentionChoice): boolean {
  return ownSetting(stored, choice) !== undefined || keptGroups(stored, choice) !== undefined;
}

/** Says which layers and steps a run stores, for messages. */
export function describeStored({ own, kept }: StoredAttention): string {
  const windows = new Set(
    [...own.values()].map(({ layers, start, end }) => `${layers} at ${start}..${end}`),
  );
  return kept
    ? `its attention has layers ${kept.layers} and steps from ${
      kept.steps.map(([start]) => start).join(", ")
    } up to ${kept.steps.at(-1)![1]}`
    : `it stores the layers ${
      [...windows].join("; ")
    }; eval --keep all stores every layer and step`;
}

/** Name of a setting whose heatmap has the layers at just these steps. */
function ownSetting({ own }: StoredAttention, { layers, start, end }: AttentionChoice) {
  return [...own].find(([, other]) =>
    other.start === start && other.end === end &&
    layers.every((layer) => other.layers.includes(layer))
  )?.[0];
}

/** Places of the groups of kept steps that make up the steps of a choice. */
function keptGroups({ kept }: StoredAttention, { layers, start, end }: AttentionChoice) {
  if (!kept || !layers.every((layer) => kept.layers.includes(layer))) return undefined;
  const first = kept.steps.findIndex((range) => range[0] === start);
  const last = kept.steps.findIndex((range) => range[1] === end);
  return first < 0 || last < first
    ? undefined
    : Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Attention of one sample. */
export interface SampleAttention {
  /** Sizes of the heatmap and the image. */
  readonly stored: StoredHeatmap;
  /** Side of each stored layer's map, by layer. */
  readonly sides: ReadonlyMap<number, number>;
  /**
   * Means of the layers over the steps of a choice that {@linkcode canRead} accepts. A heatmap of the
   * run gives its own layers as they are; kept groups of steps are averaged, each step alike.
   */
  read(choice: AttentionChoice): AveragedLayer[];
}

/**
 * Reads the attention of one sample.
 *
 * @param stored Attention that the run stores.
 * @param results The sample's results of all settings.
 * @returns `undefined` if the sample has no heatmap of the diffusion model.
 * @throws {SyntaxError} If a file lacks the sample, or the kept attention has other layers than the
 * record says.
 */
export async function readAttentionOf(
  run: Run,
  stored: StoredAttention,
  results: readonly SampleResult[],
): Promise<SampleAttention | undefined> {
  const own = new Map<string, StoredHeatmap>();
  for (const result of results) {
    const name = result.setting ?? "";
    if (stored.own.has(name) && hasHeatmap(result)) own.set(name, await run.stored(result));
  }
  const [first] = own.values();
  if (!first) return undefined;
  const { kept } = stored;
  const attention = kept && (await run.kept(first)).layers;
  const count = kept?.layers.length ?? 0;
  if (
    kept && !(attention!.length === count * kept.steps.length &&
      attention!.every(({ layer }, i) => layer === kept.layers[i % count]))
  ) {
    throw run.fault(results[0]!, "its kept attention has other layers or steps than the run");
  }
  /** Means of all layers over groups of steps, by the first and last group. */
  const means = new Map<string, AveragedLayer[]>();
  const meansOf = (groups: readonly number[]) => {
    const key = `${groups[0]}..${groups.at(-1)}`;
    const known = means.get(key) ??
      kept!.layers.map((_, i) =>
        meanOf(groups.map((group) => attention![group * count + i]!), kept!, groups)
      );
    means.set(key, known);
    return known;
  };
  const all = [...own.values()].flatMap(({ layers }) => layers).concat(attention ?? []);
  return {
    stored: first,
    sides: new Map(all.map(({ layer, side }) => [layer, side])),
    read(choice) {
      const name = ownSetting(stored, choice);
      const heatmap = name === undefined ? undefined : own.get(name);
      const means = heatmap?.layers ?? meansOf(keptGroups(stored, choice)!);
      return means.filter(({ layer }) => choice.layers.includes(layer));
    },
  };
}

/** Mean of a layer over groups of steps, weighted by their number of steps. */
function meanOf(
  maps: readonly AveragedLayer[],
  { steps }: KeptAttention,
  groups: readonly number[],
): AveragedLayer {
  if (maps.length === 1) return maps[0]!;
  const { layer, side } = maps[0]!;
  const lengths = groups.map((group) => steps[group]![1] - steps[group]![0]);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const sum = new Float64Array(side * side);
  maps.forEach(({ data }, i) => {
    for (let at = 0; at < sum.length; at++) sum[at]! += lengths[i]! * data[at]!;
  });
  return { layer, side, data: Float32Array.from(sum, (value) => value / total) };
}
