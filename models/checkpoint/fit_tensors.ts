import { findMisfits, type FitTensorsOptions } from "./_find_misfits.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { quote } from "../../base/text.ts";
import type { TensorEntry } from "./tensor_entry.ts";
import type { TensorSet } from "./tensor_set.ts";

/**
 * Parts of tensor names that come from wrappers around a network, or a part of it, in training.
 * The wrappers are DataParallel and DistributedDataParallel, torch.compile,
 * FullyShardedDataParallel, and activation checkpointing.
 */
const WRAPPERS: ReadonlySet<string> = new Set([
  "module",
  "_orig_mod",
  "_fsdp_wrapped_module",
  "_checkpoint_wrapped_module",
]);

/**
 * Counters that moving averages store beside the weights. `n_averaged` comes from torch's
 * AveragedModel, `decay` and `num_updates` from CompVis' LitEma, `initted` and `step` from
 * ema-pytorch.
 */
const COUNTERS: ReadonlySet<string> = new Set([
  "n_averaged",
  "decay",
  "num_updates",
  "initted",
  "step",
]);

/** Most characters of a name in a message. */
const MAX_NAME_LENGTH = 80;

/** The tensors of a set behind one prefix, under the network's names. */
interface View {
  readonly set: TensorSet;
  /** Text before the network's names, such as `model.`. */
  readonly prefix: string;
  /** Maps each name of the network that the set has to the set's own name. */
  readonly names: Map<string, string>;
  /** A name of the network that two names of the set stand for. */
  twice?: string;
}

/**
 * Finds a model's tensors in a checkpoint, and checks that names and shapes match exactly.
 *
 * Training scripts store tensors under keys and add prefixes to names. This function tries all
 * keys and prefixes of the file.
 *
 * @param expected Shape of each tensor of the model by name.
 * @returns The checkpoint with the tensors under the model's names.
 * @throws {RangeError} If the model's tensors are missing or stored more than once. The message
 * lists the misfits of the tensors that come closest.
 * @throws {SyntaxError} If the file does not hold the tensors whole.
 *
 * @example
 * ```ts ignore
 * import { fitTensors, openCheckpoint } from "./mod.ts";
 *
 * // {"epoch": 3, "state_dict": {"model.conv_in.weight": …}}
 * const lightning = await openCheckpoint("last.ckpt");
 * const unet = await fitTensors(lightning, new Map([["conv_in.weight", [256, 3, 3, 3]]]));
 * ```
 */
export async function fitTensors(
  checkpoint: Checkpoint,
  expected: ReadonlyMap<string, readonly number[]>,
  options: FitTensorsOptions = {},
): Promise<Checkpoint> {
  const views = viewsOf(checkpoint, expected);
  const fitting = views.filter((view) => isExact(view, expected, options));
  if (fitting.length === 0) throw misfit(checkpoint, views, expected, options);
  try {
    const [first, ...others] = await Promise.all(fitting.map(tensorsOf));
    // A network that is registered twice, such as plain and compiled, has two names for its bytes.
    if (others.some((tensors) => !isSamePlace(first!, tensors))) {
      const places = fitting.map(placeOf).join("; ");
      throw new RangeError(
        `Cannot load "${checkpoint.path}": it holds these weights ${fitting.length} times, ` +
          `${places}; save only those that are meant`,
      );
    }
    return { ...checkpoint, tensors: first! };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new SyntaxError(`Cannot read "${checkpoint.path}": ${cause.message}`, { cause });
  }
}

type Tensors = ReadonlyMap<string, TensorEntry>;

/** Locates the tensors of a view, under the network's names. */
async function tensorsOf({ set, names }: View): Promise<Tensors> {
  const located = await set.locate();
  return new Map([...names].map(([name, own]) => [name, { ...located.get(own)!, name }]));
}

/** Whether tensors with equal names refer to the same bytes of a file. */
function isSamePlace(some: Tensors, others: Tensors): boolean {
  return [...some].every(([name, { offset, dtype, strides }]) => {
    const other = others.get(name)!;
    return offset === other.offset && dtype === other.dtype &&
      String(strides) === String(other.strides);
  });
}

/**
 * Finds the tensors of a checkpoint that come closest to a list of names.
 *
 * Their shapes describe a model that has no configuration.
 *
 * @param names Names that the model's tensors may have.
 * @returns Shapes by the given names, without the prefix of the file's names.
 */
export function closestShapes(
  checkpoint: Checkpoint,
  names: Iterable<string>,
): ReadonlyMap<string, readonly number[]> {
  const view = closest(viewsOf(checkpoint, new Map([...names].map((name) => [name, []]))));
  return new Map([...view?.names ?? []].map(([name, own]) => [name, view!.set.shapes.get(own)!]));
}

/** Groups a checkpoint's tensors with expected names by set and prefix. */
function viewsOf({ sets }: Checkpoint, expected: ReadonlyMap<string, readonly number[]>): View[] {
  return sets.flatMap((set) => {
    const views = new Map<string, View>();
    for (const own of set.shapes.keys()) {
      for (const [prefix, name] of readingsOf(own)) {
        if (!expected.has(name)) continue;
        const view: View = views.get(prefix) ?? { set, prefix, names: new Map() };
        views.set(prefix, view);
        if (view.names.has(name)) view.twice = name;
        view.names.set(name, own);
      }
    }
    return [...views.values()];
  });
}

/** Splits a name at each possible prefix; the rest of the name loses the parts of wrappers. */
function* readingsOf(own: string): Iterable<[prefix: string, name: string]> {
  const parts = own.split(".");
  // The names of networks have fewer parts; a name in a hostile file must not take for ever.
  for (let first = 0; first < Math.min(parts.length, MAX_PARTS); first++) {
    if (WRAPPERS.has(parts[first]!)) continue;
    const prefix = parts.slice(0, first).map((part) => `${part}.`).join("");
    yield [prefix, unwrap(parts.slice(first))];
  }
}

/** Number of parts of a name at which a prefix may end. */
const MAX_PARTS = 16;

function unwrap(parts: readonly string[]): string {
  return parts.filter((part) => !WRAPPERS.has(part)).join(".");
}

/** Whether a view has every expected tensor, and no other tensor behind its prefix. */
function isExact(
  view: View,
  expected: ReadonlyMap<string, readonly number[]>,
  { ignore = () => false }: FitTensorsOptions,
): boolean {
  const { set: { shapes }, prefix, names, twice } = view;
  if (twice !== undefined || names.size < expected.size) return false;
  for (const [name, own] of names) {
    if (String(shapes.get(own)) !== String(expected.get(name))) return false;
  }
  const taken = new Set(names.values());
  for (const own of shapes.keys()) {
    if (taken.has(own)) continue;
    if (own.startsWith(prefix)) {
      const name = unwrap(own.slice(prefix.length).split("."));
      if (!ignore(name) && !isCounter(name, shapes.get(own)!)) return false;
    } // The tensor belongs to another network, unless it is an expected tensor without the prefix.
    else if (expected.has(unwrap(own.split(".")))) return false;
  }
  return true;
}

function isCounter(name: string, shape: readonly number[]): boolean {
  return COUNTERS.has(name) && shape.every((size) => size === 1);
}

/** The view with the most expected tensors; the first of several. */
function closest(views: readonly View[]): View | undefined {
  return views.reduce<View | undefined>(
    (most, view) => !most || view.names.size > most.names.size ? view : most,
    undefined,
  );
}

/** Describes the place of a view's tensors, as a part of a sentence. */
function placeOf({ set: { keys }, prefix }: View): string {
  return [
    ...(keys.length > 0 ? [`below ${quote(keys.join("."), MAX_NAME_LENGTH)}`] : []),
    ...(prefix !== "" ? [`behind ${quote(prefix, MAX_NAME_LENGTH)}`] : []),
  ].join(" ") || "by their own names";
}

/** Makes the error that no view fits; it describes the closest view. */
function misfit(
  checkpoint: Checkpoint,
  views: readonly View[],
  expected: ReadonlyMap<string, readonly number[]>,
  options: FitTensorsOptions,
): Error {
  const fail = (reason: string) => new RangeError(`Cannot load "${checkpoint.path}": ${reason}`);
  const nothing: View = { set: checkpoint.sets[0]!, prefix: "", names: new Map() };
  const view = closest(views);
  const { set, prefix, names, twice } = view ?? nothing;
  const taken = new Map([...names].map(([name, own]) => [own, name]));
  for (const other of views.filter((other) => other.set === set)) {
    const stray = [...other.names].find(([name, own]) => !names.has(name) && !taken.has(own));
    if (!stray) continue;
    const tensor = `its tensor ${quote(stray[1], MAX_NAME_LENGTH)}`;
    return fail(
      prefix === ""
        ? `${tensor} begins with ${quote(other.prefix, MAX_NAME_LENGTH)} and others do not; ` +
          "expected all or none"
        : `${tensor} does not begin with ${quote(prefix, MAX_NAME_LENGTH)} as others do; ` +
          "expected all or none",
    );
  }
  for (const name of expected.keys()) {
    const global = names.has(name) ? undefined : set.unknown.get(prefix + name);
    if (global !== undefined) {
      return fail(
        `its tensor ${quote(name, MAX_NAME_LENGTH)} is made by ${quote(global)}, which is not ` +
          "read, as nothing in a checkpoint is executed",
      );
    }
  }
  const shapes = new Map(
    [...set.shapes].filter(([own]) => own.startsWith(prefix))
      .map(([own, shape]) => [taken.get(own) ?? own.slice(prefix.length), shape]),
  );
  const misfits = findMisfits(shapes, expected, options);
  if (misfits === undefined) {
    // The tensors behind the prefix fit, and one of them stands outside the prefix as well.
    const outside = [...set.shapes.keys()].filter((own) => !own.startsWith(prefix))
      .map((own) => unwrap(own.split("."))).find((name) => expected.has(name));
    return fail(`several of its names come to ${quote(twice ?? outside ?? "", MAX_NAME_LENGTH)}`);
  }
  return fail(misfits + (view ? closestPlace(view) : otherPlaces(checkpoint)));
}

/** Says which tensors were compared, if the file may hold others. */
function closestPlace(view: View): string {
  return view.set.keys.length > 0 || view.prefix !== "" ? `, of those ${placeOf(view)}` : "";
}

/** Names the keys above a file's tensors, for a file without any of the model's tensors. */
function otherPlaces({ sets }: Checkpoint): string {
  const keys = sets.flatMap(({ keys }) =>
    keys.length > 0 ? [quote(keys.join("."), MAX_NAME_LENGTH)] : []
  );
  if (keys.length === 0) return "";
  const others = keys.length - MAX_LISTED;
  return `; its tensors are below ${keys.slice(0, MAX_LISTED).join(", ")}` +
    (others > 0 ? ` and ${others} other keys` : "");
}

/** Most keys that a message lists. */
const MAX_LISTED = 4;
