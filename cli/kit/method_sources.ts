import { folderOf } from "../../base/paths.ts";
import { parseTraining, type TrainingSet } from "../../datasets/training.ts";
import type { MethodSource } from "../../methods/choose_methods.ts";
import type { MethodContext, MethodRow } from "../../methods/method_row.ts";
import { DEMO } from "../../methods/ldm/ldm.ts";
import { isModule, MODULE_SOURCE, moduleName } from "../../methods/outside_method.ts";
import { METHODS, SEED } from "../../methods/registry.ts";
import { type FlagValues, UsageError } from "./flags.ts";
import { type BACKEND_FLAGS, describeVersions, openBackend } from "./backend.ts";
import { modelFolder } from "./models.ts";
import type { Progress } from "./progress.ts";

/** Options that choose methods and their models. */
export const MODEL_FLAG = {
  type: "string",
  placeholder: "NAME",
  description:
    "Model: a folder in our flat layout, a MONAI bundle or a diffusers folder, or else a name that deno task get lists, such as ldm.",
  defaultText: "the bundled model",
} as const;

/** Methods by name, each with its files. */
export type MethodSources = ReadonlyMap<string, MethodSource>;

/** Values of the options that choose methods and their files. */
export interface MethodValues {
  /** Names of methods, with commas between them. */
  readonly method: string;
  /** Folders or names of models, as `DIR` or `NAME=DIR`. */
  readonly model: readonly string[];
  /** Folder with the models that were fetched. */
  readonly models?: string | undefined;
  /** File of predicted boxes. */
  readonly predictions?: unknown;
  /** Folder of a U-Net. */
  readonly unet?: unknown;
  /** Training data, as `SETS` or `NAME=SETS`. */
  readonly "trained-on"?: readonly string[];
}

/** Rows of the methods that a command can choose, by name. */
type Rows = Readonly<Record<string, MethodRow>>;

/** Stands for the row of a module: only the confined thread may import the module. */
const UNREAD: MethodRow = {
  label: "",
  gives: "heatmaps",
  source: MODULE_SOURCE,
  flags: {},
  choose: () => Promise.reject(new Error("the module is not imported")),
};

/**
 * Returns the methods of `--method` in their order, each with its source. A method may be a module
 * with a row of its own.
 *
 * @param known Names of the registry's methods that the command takes.
 * @param given Names of the options that were given.
 * @param take Imports the row of a module; by default a row without a method stands for it.
 * @throws {UsageError} If a name is unknown, or a model or file is missing. Also if an option
 * affects none of the methods.
 */
export async function methodSources(
  values: MethodValues,
  known: readonly string[],
  given: ReadonlySet<string>,
  take: (module: string) => Promise<MethodRow> = () => Promise.resolve(UNREAD),
): Promise<MethodSources> {
  const rows: Record<string, MethodRow> = { ...METHODS };
  const names: string[] = [];
  for (const text of values.method.split(",").map((name) => name.trim())) {
    const name = isModule(text) ? moduleName(text) : text;
    if (isModule(text)) {
      if (Object.hasOwn(METHODS, name)) {
        throw new UsageError(
          `Option "--method ${text}": the name "${name}" belongs to a method of Groundray`,
        );
      }
      // JavaScript moves numbers to the front of an object, and results keep the order of methods.
      if (!/^\p{L}/u.test(name)) {
        throw new UsageError(
          `Option "--method ${text}": the module's name must begin with a letter, got "${name}"`,
        );
      }
      if (names.includes(name)) {
        throw new UsageError(`Option "--method" has two methods with the name "${name}"`);
      }
      rows[name] = await take(text);
    } else if (!known.includes(name)) {
      throw new UsageError(
        `Option "--method" must be some of ${known.join(", ")}, got "${name}"`,
      );
    }
    if (!names.includes(name)) names.push(name);
  }
  requireOwnOptions(names, rows, given);
  const models = parseModels(values.model, names, rows);
  const stated = parseStatements(values["trained-on"] ?? [], names);
  return new Map(names.map((name) => {
    const row = rows[name]!;
    const trained = stated.get(name) ??
      (row.source === MODULE_SOURCE ? row.trained?.({}) : undefined);
    const source = sourceOf(name, row, names, models, values);
    return [name, { row, source, ...(trained && { trained }) }];
  }));
}

/** Reads `NAME=SETS`; a plain `SETS` is about the only method. */
function parseStatements(
  texts: readonly string[],
  names: readonly string[],
): Map<string, readonly TrainingSet[]> {
  const stated = new Map<string, readonly TrainingSet[]>();
  for (const text of texts) {
    const [, named, sets = text] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    const name = named ?? names[0]!;
    if (!names.includes(name) || named === undefined && names.length > 1) {
      throw new UsageError(
        `Option "--trained-on" must name a method, such as ${names[0]}=SETS, got "${text}"`,
      );
    }
    if (stated.has(name)) throw new UsageError(`Option "--trained-on" is there twice for ${name}`);
    stated.set(name, parseTraining(sets, 'Option "--trained-on"'));
  }
  return stated;
}

/** Folders that the import of the methods' modules reads: their own, and this project's. */
export function moduleReach({ method }: Pick<MethodValues, "method">): (string | URL)[] {
  const modules = method.split(",").map((name) => name.trim()).filter(isModule);
  return modules.length === 0 ? [] : [...modules.map(folderOf), new URL("../../", import.meta.url)];
}

/** Refuses options that affect none of the methods, or that need a method to run alone. */
function requireOwnOptions(
  names: readonly string[],
  rows: Rows,
  given: ReadonlySet<string>,
): void {
  for (const option of given) {
    const about = Object.keys(METHODS).filter((name) => isAbout(option, METHODS[name]!));
    if (about.length > 0 && !names.some((name) => isAbout(option, rows[name]!))) {
      throw new UsageError(
        `Option "--${option}" has no effect with "--method ${names}": it is about ${
          about.join(", ")
        }`,
      );
    }
    const alone = about.find((name) => METHODS[name]!.aloneFlags?.includes(option));
    if (alone !== undefined && names.length > 1) {
      throw new UsageError(
        `Option "--${option}" needs "--method ${alone}" alone, got "--method ${names}"`,
      );
    }
  }
}

/** An option is about a method if it affects this method and not all others. */
function isAbout(option: string, row: MethodRow): boolean {
  const own = { ...row.flags, ...row.evalFlags, ...row.groundFlags };
  if (option === "margin") return row.gives === "heatmaps";
  if (["runtime", "device"].includes(option)) return row.source?.option !== "predictions";
  return Object.hasOwn(own, option) || row.source?.option === option.replace(/^models$/, "model");
}

/**
 * Reads `NAME=DIR`. A plain `DIR` belongs to the only method with a model, or else to the seed
 * method and the methods that follow it.
 */
function parseModels(
  texts: readonly string[],
  names: readonly string[],
  rows: Rows,
): Map<string, string> {
  const models = new Map<string, string>();
  const own = names.filter((name) => rows[name]!.source?.option === "model");
  // A module needs no model: a plain folder is for another method, if there is one.
  const needing = own.filter((name) => rows[name]!.source !== MODULE_SOURCE);
  const [only, second] = needing.length > 0 ? needing : own;
  const takes = (name: string) =>
    own.includes(name) || own.some((other) => rows[other]!.source!.follows === name);
  for (const text of texts) {
    const [, named, folder] = /^([^=/\\]+)=(.*)$/s.exec(text) ?? [];
    const isNamed = named !== undefined && Object.hasOwn(rows, named);
    const name = isNamed ? named : only !== undefined && second === undefined ? only : SEED;
    if (!takes(name)) {
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
  name: string,
  { source }: MethodRow,
  names: readonly string[],
  models: ReadonlyMap<string, string>,
  values: MethodValues,
): string {
  if (!source) return "";
  const { follows = "" } = source;
  const model = models.get(name) ?? models.get(follows);
  const given = source.option === "predictions"
    ? values.predictions as string
    : model && modelFolder(model, values.models, name);
  const part = source.part && values[source.part] as string | undefined;
  const found = given ?? part ?? source.default;
  if (found !== undefined) return found;
  throw new UsageError(
    source.option === "predictions"
      ? `Option "--method ${name}" needs "--predictions ${source.needs ?? 'FILE"'}`
      : `Option "--method ${name}" needs "--model ${names.length > 1 ? `${name}=` : ""}DIR", ` +
        source.needs!,
  );
}

/** Folder of the diffusion model that the options choose; the U-Net's if they name parts alone. */
export function ldmFolder(
  { model, models, unet }: Readonly<
    Partial<Record<"model" | "models" | "unet", string | undefined>>
  >,
): string {
  return model === undefined ? unet ?? DEMO : modelFolder(model, models, SEED);
}

/** Paths that the methods read and write. */
export function methodPaths(
  sources: MethodSources,
  values: object,
): { read: (string | undefined)[]; write: (string | undefined)[] } {
  const read: (string | undefined)[] = [];
  const write: (string | undefined)[] = [];
  for (const { row, source } of sources.values()) {
    const paths = row.paths?.(values);
    read.push(source || undefined, ...paths?.read ?? []);
    write.push(...paths?.write ?? []);
  }
  return { read, write };
}

/** The context of a command's methods. */
export interface CommandContext extends MethodContext {
  /** Versions of the software below the methods that are open. */
  versions(): Promise<Record<string, string>>;
}

/**
 * Returns the services of a command for its methods. The backend opens when the first method needs
 * it.
 */
export function methodContext(
  values: FlagValues<typeof BACKEND_FLAGS>,
  progress: Progress,
  hasClasses: boolean,
): CommandContext {
  let backend: ReturnType<typeof openBackend> | undefined;
  return {
    hasClasses,
    backend: () => backend ??= openBackend(values, progress),
    say: (notice) => progress.say(notice),
    warn: (notice) => progress.warn(notice),
    versions: async () => describeVersions(await backend),
  };
}
