/**
 * Reads the methods of an evaluation from its options.
 *
 * @module
 */

import { type MethodName, METHODS } from "../models/method_names.ts";
import { BASELINES } from "../models/open_method.ts";
import { CACHE_FLAGS, DEMO, METHOD_FLAGS } from "./kit/common.ts";
import type { EvalValues } from "./_eval_flags.ts";
import { UsageError } from "./kit/flags.ts";
import { modelFolder } from "./kit/models.ts";

/** Source of each method: the folder of a model, or the file of predictions. */
export type MethodSources = ReadonlyMap<MethodName, string>;

/** Options that affect only some methods. */
const OWN_OPTIONS:
  readonly (readonly [options: readonly string[], methods: readonly MethodName[]])[] = [
    [
      [
        ...Object.keys({ ...METHOD_FLAGS, ...CACHE_FLAGS }),
        ...["layers", "weights", "text-encoder", "ablate", "setting"],
        ...["attention", "attention-columns"],
      ],
      ["ldm"],
    ],
    [["model", "models", "runtime", "device", "margin", "protocol"], ["ldm", ...BASELINES]],
    [["predictions", "box-rule"], ["boxes"]],
  ];

/**
 * Returns the methods of `--method` in their order, each with its source.
 *
 * @param given Names of the options that were given.
 * @throws {UsageError} If a name is unknown, or a model or file is missing. Also if an option
 * affects none of the methods.
 */
export function methodSources(values: EvalValues, given: ReadonlySet<string>): MethodSources {
  const names = parseMethods(values.method);
  requireOwnOptions(names, given);
  const several = ["ablate", "setting"].find((option) => given.has(option));
  if (names.length > 1 && several) {
    throw new UsageError(
      `Option "--${several}" needs "--method ldm" alone, got "--method ${names}"`,
    );
  }
  const models = parseModels(values.model, names);
  return new Map(names.map((name) => {
    const source = sourceOf(name, names, models, values.predictions);
    return [name, name === "boxes" ? source : modelFolder(source, values.models)];
  }));
}

/**
 * Refuses options that affect none of the methods.
 *
 * @param given Names of the options that were given.
 * @throws {UsageError} If there is such an option.
 */
export function requireOwnOptions(
  names: readonly MethodName[],
  given: ReadonlySet<string>,
): void {
  for (const [options, owners] of OWN_OPTIONS) {
    if (names.some((name) => owners.includes(name))) continue;
    const option = options.find((option) => given.has(option));
    if (option !== undefined) {
      throw new UsageError(
        `Option "--${option}" has no effect with "--method ${names}": it is about ${
          owners.join(", ")
        }`,
      );
    }
  }
}

function parseMethods(text: string): MethodName[] {
  const names = text.split(",").map((name) => name.trim());
  for (const name of names) {
    if (Object.hasOwn(METHODS, name)) continue;
    throw new UsageError(
      `Option "--method" must be some of ${Object.keys(METHODS).join(", ")}, got "${name}"`,
    );
  }
  return [...new Set(names as MethodName[])];
}

/** Reads `NAME=DIR`. A plain `DIR` belongs to the only method with a model, or else to `ldm`. */
function parseModels(
  texts: readonly string[],
  names: readonly MethodName[],
): Map<MethodName, string> {
  const models = new Map<MethodName, string>();
  const own: readonly MethodName[] = names.filter((name) => name !== "boxes");
  for (const text of texts) {
    const [, named, folder] = /^([^=/\\]+)=(.*)$/s.exec(text) ?? [];
    const isNamed = named !== undefined && Object.hasOwn(METHODS, named);
    const name = isNamed ? named as MethodName : own.length === 1 ? own[0]! : "ldm";
    if (!own.includes(name)) {
      throw new UsageError(
        `Option "--model ${text}" ${
          isNamed ? "names" : "is for"
        } ${name}, but "--method" has only ` +
          names.join(", "),
      );
    }
    if (models.has(name)) throw new UsageError(`Option "--model" is there twice for ${name}`);
    models.set(name, isNamed ? folder! : text);
  }
  return models;
}

function sourceOf(
  name: MethodName,
  names: readonly MethodName[],
  models: ReadonlyMap<MethodName, string>,
  predictions: string | undefined,
): string {
  if (name === "boxes") {
    if (predictions !== undefined) return predictions;
    throw new UsageError('Option "--method boxes" needs "--predictions FILE"');
  }
  const folder = models.get(name) ?? (name === "ldm" ? DEMO : undefined);
  if (folder !== undefined) return folder;
  throw new UsageError(
    `Option "--method ${name}" needs "--model ${names.length > 1 ? `${name}=` : ""}DIR", the ` +
      "folder of its published files",
  );
}
