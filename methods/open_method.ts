/**
 * Opens a method by its name, for programs.
 *
 * @module
 */

import type { Flag } from "../base/options.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import type { Method } from "../pipeline/method.ts";
import type { Backend, WholeDataset } from "./method_row.ts";
import { METHODS } from "./registry.ts";

/** Options of {@linkcode openMethod}. */
export interface OpenMethodOptions {
  /**
   * Folder of the model, or file of predicted boxes.
   *
   * @default {The bundled model, for `ldm`}
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
 * @param name Name of the method: `ldm`, `biovil`, `biovil-t` or `boxes`.
 * @param options Files, settings and backend.
 * @throws {RangeError} If there is no method of this name, or the method needs files.
 * @throws {Error} If a file is missing or malformed, or an option is out of its range.
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
  const source = options.source ?? row.source?.default;
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
  const unknown = Object.keys(values).find((name) => !Object.hasOwn(defaults, name));
  if (unknown !== undefined) {
    throw new RangeError(
      `Cannot open method "${name}" with option "${unknown}": expected some of ` +
        Object.keys(defaults).join(", "),
    );
  }
  const chosen = await row.choose(source ?? "", { ...defaults, ...values }, {
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
