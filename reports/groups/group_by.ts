import { UsageError } from "../../base/options.ts";
import { truthArea } from "../../base/region.ts";
import { printable, quote } from "../../base/text.ts";
import { fold } from "../../datasets/csv.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { resultTruth } from "../../runs/result_truth.ts";
import { isGrounded } from "../../runs/run_folder.ts";
import type { Run } from "../../runs/run.ts";
import { type Metadata, readMetadata } from "./metadata.ts";

/** Group of samples without a value. */
export const UNKNOWN = "unknown";

/** Names that stand for a column with one of several names, after {@linkcode fold}. */
const ALIASES: Readonly<Record<string, RegExp>> = {
  sex: /^(patient)?(sex|gender)$/,
  age: /^(patient)?age(inyears|years|atstudy)?$|^anchorage$/,
  view: /^view(position|pos|point)?$|^projection$/,
};

/** Facts that the run itself has. */
const OWN = ["area", "boxes"] as const;

/** Lowest ages of all bands but the first, in years. */
const AGES = [18, 40, 60, 80];

/** Lowest shares of the image of all bands but the first, in per cent. */
const AREAS = [2, 5, 10, 20];

/** Numbers of a column that has more values than this are banded at their quartiles. */
const MOST_NUMBERS = 10;

/** Most groups of a column: a column of ids has no groups. */
const MOST_GROUPS = 50;

/** Samples by one fact. */
export interface Grouping {
  /** Fact, as the user names it. */
  readonly by: string;
  /** Groups in order; {@linkcode UNKNOWN} is the last if it has samples. */
  readonly groups: readonly string[];
  /** Place of each sample's group, by the sample's id. */
  readonly places: ReadonlyMap<string, number>;
  /** Sentences about bands, and about values that do not count. */
  readonly notes: readonly string[];
}

/** Samples by several facts. */
export interface Groupings {
  readonly groupings: readonly Grouping[];
  /** Ids of the samples without a row in the table. */
  readonly unjoined: readonly string[];
  /** Sentences about the table. */
  readonly notes: readonly string[];
}

/** Choices of {@linkcode groupSamples}. */
export interface GroupChoice {
  /** CSV with facts; without it only `area` and `boxes` can be told. */
  readonly groups?: string | undefined;
  /** Facts to group by; by default `area`, `boxes`, and `sex`, `age` and `view` if the table has them. */
  readonly by: readonly string[];
  /** Column that joins the table. */
  readonly key?: string | undefined;
}

/**
 * Puts samples into groups by columns of a table, by the area of their ground truth and by its number
 * of boxes.
 *
 * @param run The run, whose heatmaps tell the size of images.
 * @param samples One result of each sample, with its ground truth if any result has it.
 * @throws {UsageError} If a fact is neither the run's nor a column of the table, or has too many
 * values.
 * @throws {Error} As {@linkcode readMetadata}.
 */
export async function groupSamples(
  run: Run,
  samples: readonly SampleResult[],
  { groups: path, by, key }: GroupChoice,
): Promise<Groupings> {
  const isOwn = (name: string) => (OWN as readonly string[]).includes(name);
  const wanted = by.filter((name) => !isOwn(name));
  if (path === undefined && wanted.length > 0) {
    throw new UsageError(
      `Option "--by ${wanted[0]}" needs "--groups FILE"; without it --by knows ${OWN.join(", ")}`,
    );
  }
  const columns = new Map<string, string>();
  const choose = (names: readonly string[]) => {
    for (const name of by.length > 0 ? wanted : Object.keys(ALIASES)) {
      const alias = ALIASES[name];
      const column = names.find((own) => own === name) ??
        names.find((own) => alias?.test(fold(own)) || fold(own) === fold(name));
      if (column !== undefined) columns.set(name, column);
      else if (by.length > 0) {
        throw new UsageError(
          `Option "--by ${name}": ${quote(path!)} has no such column (found: ` +
            `${printable(names.join(", "), 400)})`,
        );
      }
    }
    return [...columns.values()];
  };
  const metadata = path === undefined ? undefined : await readMetadata(path, samples, key, choose);
  const names = by.length > 0 ? [...new Set(by)] : [...columns.keys(), ...OWN];
  const groupings: Grouping[] = [];
  for (const name of names) {
    groupings.push(
      name === "area"
        ? banded(name, await shares(run, samples), samples, AREAS, " %", "of the image")
        : name === "boxes"
        ? grouped(name, new Map(samples.map((sample) => [sample.id, boxesOf(sample)])))
        : byColumn(name, columns.get(name)!, samples, metadata!),
    );
  }
  const unjoined = metadata ? samples.filter(({ id }) => !metadata.values.has(id)) : [];
  return {
    groupings,
    unjoined: unjoined.map(({ id }) => id),
    notes: describeJoin(samples, metadata),
  };
}

function describeJoin(samples: readonly SampleResult[], metadata: Metadata | undefined): string[] {
  if (!metadata) return [];
  const { key, kind, values, faults } = metadata;
  return [
    `${values.size} of ${samples.length} samples are joined by column ${quote(key)} (${kind}).`,
    ...(faults.count > 0
      ? [`Rows that cannot be read: ${faults.count}, the first in ${faults.first}.`]
      : []),
  ];
}

/** Number of a sample's boxes in words; masks are no boxes. */
function boxesOf(sample: SampleResult): string {
  if (sample.masks) return "masks";
  if (!isGrounded(sample) || sample.boxes.length === 0) return UNKNOWN;
  return sample.boxes.length > 2 ? "3 or more" : String(sample.boxes.length);
}

/** Share of the image that the ground truth of each sample covers, in per cent. */
async function shares(run: Run, samples: readonly SampleResult[]): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const sample of samples) {
    if (!isGrounded(sample) || sample.boxes.length === 0 && !sample.masks) continue;
    const { id, setting, imageSize } = sample;
    const size = imageSize ?? (run.has(id, setting) ? (await run.stored(sample)).image : undefined);
    if (!size) continue;
    const area = truthArea(await resultTruth(sample, size, run.folder));
    found.set(id, 100 * area / (size.width * size.height));
  }
  return found;
}

/** Groups by the text of a fact, in the order of numbers and then of letters. */
function grouped(by: string, texts: ReadonlyMap<string, string>, notes: string[] = []): Grouping {
  const found = [...new Set(texts.values())].filter((text) => text !== UNKNOWN);
  if (found.length > MOST_GROUPS) {
    throw new UsageError(
      `Option "--by ${by}": the column has ${found.length} values, expected at most ${MOST_GROUPS}`,
    );
  }
  found.sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
  const groups = found.length < new Set(texts.values()).size ? [...found, UNKNOWN] : found;
  return {
    ...{ by, groups, notes },
    places: new Map([...texts].map(([id, text]) => [id, groups.indexOf(text)])),
  };
}

/** Groups by bands of a number; samples without a number are unknown. */
function banded(
  by: string,
  numbers: ReadonlyMap<string, number>,
  samples: readonly SampleResult[],
  edges: readonly number[],
  unit: string,
  what: string,
  notes: readonly string[] = [],
): Grouping {
  const labels = [
    `under ${edges[0]}${unit}`,
    ...edges.map((edge, i) =>
      edges[i + 1] === undefined
        ? `${edge}${unit} and more`
        : `${edge} to under ${edges[i + 1]}${unit}`
    ),
  ];
  const ids = samples.map(({ id }) => id);
  const isWhole = ids.every((id) => numbers.has(id));
  const groups = isWhole ? labels : [...labels, UNKNOWN];
  const placeOf = (value: number | undefined) =>
    value === undefined ? labels.length : edges.filter((edge) => value >= edge).length;
  return {
    ...{ by, groups },
    places: new Map(ids.map((id) => [id, placeOf(numbers.get(id))])),
    notes: [`Bands of ${by}: ${labels.join(", ")} (${what}).`, ...notes],
  };
}

/** Texts by which tables say that there is no value. */
const NOTHING = /^(|-|\?|n\/?a|nan|null|none|unknown|not (stated|available|known))$/i;

/** Age in years, from a number or from DICOM's form such as `045Y`; NaN for anything else. */
function yearsOf(text: string): number {
  const [, number, unit = "Y"] = /^(\d{1,3}(?:\.\d+)?)\s*([YMWD])?(?:ears?)?$/i.exec(text) ?? [];
  const divisor = { Y: 1, M: 12, W: 52, D: 365 }[unit.toUpperCase()] ?? NaN;
  const years = Number(number) / divisor;
  return years <= 150 ? years : NaN;
}

function byColumn(
  by: string,
  column: string,
  samples: readonly SampleResult[],
  { values }: Metadata,
): Grouping {
  const texts = new Map<string, string>();
  let several = 0;
  for (const { id } of samples) {
    const found = [...values.get(id)?.get(column) ?? []].filter((text) => !NOTHING.test(text));
    if (found.length > 1) several++;
    const [text] = found;
    texts.set(id, found.length === 1 ? printable(text!, 60) : UNKNOWN);
  }
  const stated = [...texts].filter(([, text]) => text !== UNKNOWN);
  const notes = several > 0
    ? [`${several} samples have several values of ${by}, and count as ${UNKNOWN}.`]
    : [];
  const isAge = by === "age" || ALIASES.age!.test(fold(column));
  const numbers = new Map(
    stated.map(([id, text]): [string, number] => [id, isAge ? yearsOf(text) : Number(text)])
      .filter(([, value]) => Number.isFinite(value)),
  );
  const isNumeric = isAge ? numbers.size > 0 : numbers.size === stated.length;
  const distinct = [...new Set(numbers.values())].sort((one, other) => one - other);
  if (!isNumeric || !isAge && distinct.length <= MOST_NUMBERS) return grouped(by, texts, notes);
  if (isAge) {
    const wrong = stated.length - numbers.size;
    const more = wrong > 0 ? [`${wrong} samples have an age that cannot be read.`] : [];
    return banded(by, numbers, samples, AGES, "", "years", [...notes, ...more]);
  }
  const sorted = [...numbers.values()].sort((one, other) => one - other);
  const quartiles = [1, 2, 3].map((part) => sorted[Math.floor(part * sorted.length / 4)]!);
  const edges = [...new Set(quartiles)].filter((edge) => edge > sorted[0]!);
  return banded(by, numbers, samples, edges, "", "quartiles of the samples", notes);
}
