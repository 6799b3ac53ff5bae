import type { Flag } from "../base/options.ts";
import { quote } from "../base/text.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import type { Method } from "../pipeline/method.ts";
import type { Backend, WholeDataset } from "./method_row.ts";
import { METHODS } from "./registry.ts";

/** Options of {@linkcode openMethod}. */
export interface OpenMethodOptions {
  /**
   * Folder of the model, or file of predicted boxes.
   *
   * @default {The bundled model, for methods of a diffusion model}
   */
  source?: string;
  /**
   * Values of the method's own options of `eval`, by name, such as `{ steps: 50 }`.
   *
   * @default {The defaults of the command}
   */
  values?: Readonly<Record<string, unknown>>;
  /**
   * Runtime of the model, and GPU for the heatmaps.
   *
   * @default {The fastest runtime of this machine}
   */
  backend?: Backend;
  /**
   * Dataset of predicted boxes.
   *
   * @default {None}
   */
  dataset?: WholeDataset;
  /**
   * Receives sentences of information.
   *
   * @default {undefined}
   */
  onNotice?: (notice: string) => void;
}

/**
 * Opens a method of the registry, as `--method` does.
 *
 * @param name Name of the method: `ldm`, `generate-to-ground`, `daam`, `biovil`, `biovil-t`,
 * `medrpg`, `omnifm-dr` or `boxes`.
 * @param options Files, settings and backend.
 * @throws {RangeError} If there is no method of this name, or the method needs files. Also if a
 * value is not of its option's type or range.
 * @throws {Error} If a file is missing or malformed, or options contradict each other.
 *
 * @example Usage
 * ```ts
 * import { openMethod } from "../mod.ts";
 *
 * const method = await openMethod("ldm", { values: { steps: 10, noise: "sample" } });
 * await method.close();
 * ```
 */
export async function openMethod(name: string, options: OpenMethodOptions = {}): Promise<Method> {
  const { values = {}, backend, dataset, onNotice = () => {} } = options;
  const row = Object.hasOwn(METHODS, name) ? METHODS[name]! : undefined;
  if (!row) {
    throw new RangeError(
      `Cannot open method "${name}": expected one of ${Object.keys(METHODS).join(", ")}`,
    );
  }
  const { part = "", default: standard } = row.source ?? {};
  const source = options.source ?? values[part] as string | undefined ?? standard;
  if (row.source && source === undefined) {
    throw new RangeError(`Cannot open method "${name}" without a source: the path of its files`);
  }
  const flags: [string, Flag][] = Object.entries({ ...row.flags, ...row.evalFlags });
  const defaults = Object.fromEntries(
    flags.map(([name, flag]) => [
      name,
      flag.type === "list" ? [] : flag.default ?? (flag.type === "boolean" ? false : undefined),
    ]),
  );
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  const unknown = Object.keys(values).find((name) => !Object.hasOwn(defaults, name));
  if (unknown !== undefined) {
    throw new RangeError(
      `Cannot open method "${name}" with option "${unknown}": expected some of ` +
        Object.keys(defaults).join(", "),
    );
  }
  const byName = new Map(flags);
  for (const [option, value] of given) requireValue(name, option, byName.get(option)!, value);
  const chosen = await row.choose(source ?? "", { ...defaults, ...Object.fromEntries(given) }, {
    hasClasses: true,
    backend: async () => backend ?? { runtime: await openRuntime() },
    say: onNotice,
    warn: onNotice,
  });
  return await chosen.open(() =>
    dataset ? Promise.resolve(dataset) : Promise.reject(
      new RangeError(`Cannot open method "${name}" without the dataset of its predictions`),
    )
  );
}

/** Types of values in words. */
const TYPES = {
  string: "a string",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  list: "a list of strings",
} as const;

/** @throws {RangeError} If a value is not of the option's type, or not one of its choices. */
function requireValue(method: string, option: string, flag: Flag, value: unknown): void {
  const { type, choices, min = -Infinity, max = Infinity } = flag;
  const isRight = type === "list"
    ? Array.isArray(value) && value.every((item) => typeof item === "string")
    : type === "number" || type === "integer"
    ? typeof value === "number" && value >= min && value <= max &&
      (type === "number" || Number.isInteger(value))
    : typeof value === type && (!choices || choices.includes(value as string));
  if (isRight) return;
  const range = flag.min === undefined
    ? ""
    : ` from ${flag.min}${flag.max === undefined ? "" : ` to ${flag.max}`}`;
  const expected = choices?.join(", ") ?? TYPES[type] + range;
  throw new RangeError(
    `Cannot open method "${method}" with ${option} ${quote(String(value))}: expected ${expected}`,
  );
}
