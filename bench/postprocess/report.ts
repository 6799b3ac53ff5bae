/**
 * Renders the measurements as a table and as sentences.
 *
 * @module
 */

import type { Difference, Group } from "./cases.ts";
import type { FirstUse } from "./first_use.ts";
import { type ContenderName, CONTENDERS, type Measurement } from "./measure.ts";
import type { Spread } from "./rounds.ts";

/** Names of the contenders in the output. */
export const TITLES: Readonly<Record<ContenderName | "gpuTime", string>> = {
  typescript: "plain TypeScript",
  shaders: "shaders",
  gpuTime: "GPU's own time",
  released: "released code's calls",
  best: "libraries at best",
};

const COLUMNS = ["typescript", "shaders", "gpuTime", "released", "best"] as const;

/** Formats milliseconds with three significant digits. */
export function milliseconds(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Renders all cases as aligned text: median, and shortest to longest. */
export function table(measurements: readonly Measurement[]): string {
  const columns = COLUMNS.filter((column) =>
    measurements.some((measurement) => spreadOf(measurement, column))
  );
  const rows: string[][] = [["milliseconds", ...columns.map((column) => TITLES[column])]];
  let group: Group | undefined;
  for (const measurement of measurements) {
    if (measurement.group !== group) {
      group = measurement.group;
      rows.push([], [`by ${group === "kernels" ? "kernel" : group}`]);
    }
    const cells = columns.map((column) => {
      const spread = spreadOf(measurement, column);
      if (spread) return describe(spread);
      return (measurement.refused as readonly string[]).includes(column) ? "other result" : "-";
    });
    rows.push([`  ${measurement.name}`, ...cells]);
  }
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => (row[i] ?? "").length)));
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]! + 2))
      .join("").trimEnd()
  ).join("\n");
}

function spreadOf(measurement: Measurement, column: typeof COLUMNS[number]): Spread | undefined {
  return column === "gpuTime" ? measurement.gpuTime : measurement.times[column];
}

function describe({ median, min, max }: Spread): string {
  return `${milliseconds(median)} (${milliseconds(min)}-${milliseconds(max)})`;
}

/** Returns one sentence for each contender about its first two heatmaps. */
export function firstUse(measured: FirstUse): string[] {
  return CONTENDERS.flatMap((contender) => {
    const calls = measured[contender];
    if (!calls) return [];
    const { first, second } = calls;
    const opening = "open" in calls
      ? `${milliseconds(calls.open)} ms to ${
        contender === "shaders" ? "open the device" : "load"
      }, `
      : "";
    return `First heatmap, ${TITLES[contender]}: ${opening}${milliseconds(first)} ms, ` +
      `then ${milliseconds(second)} ms.`;
  });
}

/** Returns one sentence for each contender with its largest differences from plain TypeScript. */
export function agreement(measurements: readonly Measurement[]): string[] {
  const sentences: string[] = [];
  for (const contender of CONTENDERS) {
    const all = measurements.flatMap(({ differences }) => differences[contender] ?? []);
    if (all.length === 0) continue;
    const most = (part: keyof Difference) =>
      Math.max(0, ...all.map((difference) => difference[part] ?? 0));
    const parts = [
      `maps ${most("map").toExponential(1)}`,
      `thresholds ${most("threshold").toExponential(1)}`,
      `masks ${most("maskPixels")} pixels`,
      `scores ${most("scores").toExponential(1)}`,
    ];
    sentences.push(
      `${capitalised(TITLES[contender])}, furthest from plain TypeScript: ${parts.join(", ")}.`,
    );
    for (const { name, refused } of measurements) {
      if (!refused.includes(contender)) continue;
      sentences.push(`${capitalised(TITLES[contender])} gave another result for ${name}.`);
    }
  }
  return sentences;
}

/**
 * Returns sentences about the sizes for which the GPU pays off, and about the peers.
 *
 * @param readback Time of a readback alone.
 */
export function conclusions(
  measurements: readonly Measurement[],
  adapter: string | undefined,
  readback: Spread | undefined,
): string[] {
  const whole = measurements.filter(({ group, shape, times }) =>
    shape && times.shaders && group !== "kernels"
  );
  return [
    ...comparison(measurements, "512 x 512", "The whole post-processing of one 512 x 512 heatmap"),
    ...comparison(measurements, "scores", "Its scores on an X-ray of 2544 x 3056 pixels"),
    ...(adapter && whole.length > 0 ? payOff(whole, adapter) : []),
    ...(readback && whole.length > 0 ? withoutReadback(whole, readback) : []),
  ];
}

function comparison(
  measurements: readonly Measurement[],
  name: string,
  subject: string,
): string[] {
  const found = measurements.find((measurement) => measurement.name === name);
  if (!found) return [];
  const { typescript, released, best } = found.times;
  const against = (peer: Spread) =>
    `${times(peer.median / typescript!.median)} as long ` +
    `(${times(peer.min / typescript!.min)} by the shortest times)`;
  const parts = [
    `${subject}: ${milliseconds(typescript!.median)} ms in plain TypeScript`,
    released && `the released code's calls take ${against(released)}`,
    best && `the libraries at best ${against(best)}`,
  ];
  return [`${parts.filter((part) => part !== undefined).join("; ")}.`];
}

function payOff(whole: readonly Measurement[], adapter: string): string[] {
  const ratios = whole.map(({ name, times }) => ({
    name,
    ratio: times.shaders!.median / times.typescript!.median,
  })).toSorted((one, other) => one.ratio - other.ratio);
  const wins = ratios.filter(({ ratio }) => ratio < 1);
  const [first] = ratios;
  const last = ratios.at(-1)!;
  const shown = ({ name, ratio }: typeof last) => `${times(ratio)} for ${name}`;
  const sentences: string[] = [];
  if (wins.length === 0) {
    sentences.push(
      `On ${adapter} the shaders are never faster than plain TypeScript: they take ` +
        `${shown(first!)} to ${shown(last)} of its time, readback included.`,
    );
  } else if (wins.length === ratios.length) {
    sentences.push(
      `On ${adapter} the shaders are always faster than plain TypeScript: they take ` +
        `${shown(first!)} to ${shown(last)} of its time, readback included.`,
    );
  } else {
    sentences.push(
      `On ${adapter} the shaders pay off for ${wins.map(({ name }) => name).join(", ")}; they ` +
        `take ${shown(first!)} to ${shown(last)} of plain TypeScript's time, readback included.`,
    );
  }
  const timed = whole.filter(({ gpuTime }) => gpuTime);
  if (timed.length > 0) {
    const faster = timed.filter(({ gpuTime, times }) => gpuTime!.median < times.typescript!.median);
    const names = faster.map(({ name }) => name).join(", ");
    sentences.push(
      `By the GPU's own time alone they are faster ${
        faster.length === 0
          ? "nowhere"
          : faster.length === timed.length
          ? "everywhere"
          : `for ${names}`
      }.`,
    );
  }
  return sentences;
}

/**
 * Says how much of the shaders' time is the fixed cost of a readback, which a batch of phrases
 * shares.
 */
function withoutReadback(whole: readonly Measurement[], readback: Spread): string[] {
  const shown = whole.filter(({ group }) => group === "phrases").map(({ name, times: taken }) => {
    const own = taken.typescript!.median;
    const shaders = taken.shaders!.median;
    return `${times(shaders / own)} for ${name}, ${
      times((shaders - readback.median) / own)
    } without it`;
  });
  return [
    `Reading four bytes back takes ${milliseconds(readback.median)} ms by itself, once for a ` +
    `batch of phrases: ${shown.join("; ")}.`,
  ];
}

function times(ratio: number): string {
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toPrecision(2)} x`;
}

function capitalised(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
