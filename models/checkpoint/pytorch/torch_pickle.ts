import { PickleGlobal, PickleTuple, PickleUnknown, unpickle } from "./pickle.ts";
import { quote } from "../../../base/text.ts";
import { type DType, isCount, measure } from "../tensor_entry.ts";

/** The elements in one `data/` entry of the zip; tensors are views of storages. */
export class TorchStorage {
  /**
   * @param key Name of the entry under `data/`.
   * @param dtype Type of the elements.
   * @param count Number of elements.
   */
  constructor(readonly key: string, readonly dtype: DType, readonly count: number) {}
}

/** A tensor as the pickle describes it: a strided view of a storage. */
export class TorchTensor {
  /**
   * @param storage Storage of the elements.
   * @param start First element in the storage.
   * @param shape Size of each dimension.
   * @param strides Elements to step for each dimension; undefined if the tensor is contiguous.
   * @param span Number of elements from first to last inclusive.
   */
  constructor(
    readonly storage: TorchStorage,
    readonly start: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[] | undefined,
    readonly span: number,
  ) {}
}

// The classes that torch.save names in a persistent id. UntypedStorage counts bytes.
const STORAGE_TYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["torch.FloatStorage", "float32"],
  ["torch.HalfStorage", "float16"],
  ["torch.BFloat16Storage", "bfloat16"],
  ["torch.DoubleStorage", "float64"],
  ["torch.LongStorage", "int64"],
  ["torch.IntStorage", "int32"],
  ["torch.ShortStorage", "int16"],
  ["torch.CharStorage", "int8"],
  ["torch.ByteStorage", "uint8"],
  ["torch.BoolStorage", "bool"],
  ["torch.storage.UntypedStorage", "uint8"],
]);

/** Most keys on the way to a tensor; a real checkpoint has two or three. */
const MAX_DEPTH = 8;
/** Most settings to keep, and most keys on the way to a setting; a training script has a hundred. */
const MAX_SETTINGS = 10_000;
const MAX_SETTING_DEPTH = 4;
/** Most characters of a key on the way to a tensor or setting: a hostile key may have millions. */
const MAX_KEY = 200;

/** Most keys that a message lists, and most characters of each. */
const MAX_LISTED_KEYS = 8;
const MAX_KEY_LENGTH = 40;

const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map(
  [
    ...[...STORAGE_TYPES.keys()].map((name) => new PickleGlobal(name)),
    new PickleGlobal("collections.OrderedDict", orderedDict),
    new PickleGlobal("torch.Size", torchSize),
    new PickleGlobal("torch._utils._rebuild_tensor", rebuildTensor),
    new PickleGlobal("torch._utils._rebuild_tensor_v2", rebuildTensor),
    new PickleGlobal("torch._utils._rebuild_parameter", rebuildParameter),
  ].map((global) => [global.name, global]),
);

/** A dictionary of a pickle that holds tensors by name. */
export interface PickledTensors {
  /** Keys that lead to the dictionary; empty for the whole pickle. A list's keys are numbers. */
  readonly keys: readonly string[];
  /** The tensors by name, in the order of the dictionary; at least one. */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  /** Other names of the dictionary, with the unknown global that would make each value. */
  readonly unknown: ReadonlyMap<string, string>;
}

/** A value that a training script stored beside the weights. */
export type Setting = string | number | boolean;

/** Content of a PyTorch archive's pickle, without the data of its tensors. */
export interface TorchPickle {
  /** At least one dictionary with tensors; outer dictionaries come before inner dictionaries. */
  readonly sets: readonly PickledTensors[];
  /**
   * Texts, numbers and truth values by the keys and attributes that lead to them, such as
   * `args.nheads` for an attribute of an `argparse.Namespace`.
   */
  readonly settings: ReadonlyMap<string, Setting>;
}

/**
 * Reads the tensors' descriptions from the `data.pkl` of a PyTorch archive.
 *
 * Training scripts keep a state dict under keys such as `{"epoch": 3, "state_dict": {...}}`. This
 * function finds every dictionary with named tensors, an optimizer's state too.
 *
 * @param pickle The bytes of `data.pkl`.
 * @throws {SyntaxError} If the pickle is malformed or holds no named tensor. The message is a
 * reason without the name of the file.
 */
export function readTorchPickle(pickle: Uint8Array<ArrayBuffer>): TorchPickle {
  const root = unpickle(pickle, { globals: GLOBALS, persistentLoad: loadStorage });
  const sets = findTensors(root);
  if (sets.length === 0) throw new SyntaxError(`it holds no named tensors${whatElse(root)}`);
  return { sets, settings: findSettings(root) };
}

/** Collects plain values of dictionaries and of inert objects' attributes, outer values first. */
function findSettings(root: unknown): Map<string, Setting> {
  const settings = new Map<string, Setting>();
  const queue: { value: unknown; keys: readonly string[] }[] = [{ value: root, keys: [] }];
  const visited = new Set<unknown>([root]);
  for (const { value, keys } of queue) {
    const items = value instanceof PickleUnknown ? [...value.attributes, ...value] : value;
    if (!(Array.isArray(items) || items instanceof Map)) continue;
    for (const [key, item] of items) {
      if (typeof key !== "string" || key.length > MAX_KEY) continue;
      const path = [...keys, key];
      if (typeof item === "string" || typeof item === "number" || typeof item === "boolean") {
        if (settings.size < MAX_SETTINGS) settings.set(path.join("."), item);
      } else if (item instanceof Map && !visited.has(item) && path.length < MAX_SETTING_DEPTH) {
        visited.add(item);
        queue.push({ value: item, keys: path });
      }
    }
  }
  return settings;
}

function findTensors(root: unknown): PickledTensors[] {
  const found: PickledTensors[] = [];
  const queue: { value: unknown; keys: readonly string[] }[] = [{ value: root, keys: [] }];
  // A dictionary may contain itself.
  const visited = new Set<unknown>([root]);
  for (const { value, keys } of queue) {
    const tensors = new Map<string, TorchTensor>();
    const unknown = new Map<string, string>();
    for (const [key, item] of itemsOf(value)) {
      const global = unknownGlobal(item);
      if (typeof key === "string" && global !== undefined) unknown.set(key, global);
      if (item instanceof TorchTensor) {
        if (typeof key === "string") tensors.set(key, item);
      } else if (typeof item === "object" && item !== null && !visited.has(item)) {
        visited.add(item);
        if (keys.length < MAX_DEPTH) queue.push({ value: item, keys: [...keys, keyText(key)] });
      }
    }
    if (tensors.size > 0) found.push({ keys, tensors, unknown });
  }
  return found;
}

/** The start of a key as text. A hostile key may be a list whose text has no end. */
function keyText(key: unknown): string {
  return typeof key === "object" ? "(an object)" : String(key).slice(0, MAX_KEY);
}

/** The unknown global that a value is, or that would have made the value. */
function unknownGlobal(value: unknown): string | undefined {
  if (value instanceof PickleUnknown) return value.global;
  return value instanceof PickleGlobal && !GLOBALS.has(value.name) ? value.name : undefined;
}

/**
 * The inert object that a result becomes if it depends on an unknown global: the first among its
 * sources and the items of their tuples.
 */
function unknownAmong(...sources: readonly unknown[]): PickleUnknown | undefined {
  for (const source of sources) {
    for (const value of source instanceof PickleTuple ? source.items : [source]) {
      const global = unknownGlobal(value);
      if (global !== undefined) return new PickleUnknown(global);
    }
  }
}

/** The items of a container by key or number. */
function itemsOf(value: unknown): Iterable<readonly [key: unknown, item: unknown]> {
  if (value instanceof Map) return value;
  if (value instanceof PickleTuple) return value.items.entries();
  return Array.isArray(value) ? value.entries() : [];
}

/** Describes a pickle without named tensors, as the end of a sentence. */
function whatElse(root: unknown): string {
  const forbidden = [root, ...[...itemsOf(root)].map(([, item]) => item)]
    .map(unknownGlobal).find((global) => global !== undefined);
  const keys = root instanceof Map ? [...root.keys()].slice(0, MAX_LISTED_KEYS) : [];
  return ", expected a state_dict" +
    (forbidden
      ? `; it refers to the forbidden global ${quote(forbidden)}, and nothing is executed`
      : keys.length > 0
      ? `; its keys are ${keys.map((key) => quote(keyText(key), MAX_KEY_LENGTH)).join(", ")}`
      : "");
}

/** Reads `("storage", type, key, location, count)`; the location is the device before saving. */
function loadStorage(id: unknown): TorchStorage | PickleUnknown {
  const [kind, type, key, , count] = id instanceof PickleTuple ? id.items : [];
  const dtype = type instanceof PickleGlobal ? STORAGE_TYPES.get(type.name) : undefined;
  const unknown = unknownAmong(id, type, key, count);
  if (unknown) return unknown;
  if (kind !== "storage" || dtype === undefined || typeof key !== "string" || !isCount(count)) {
    throw new SyntaxError("its pickle holds a persistent id that describes no storage");
  }
  return new TorchStorage(key, dtype, count);
}

/**
 * Reads `(storage, start, shape, strides, requires_grad, backward_hooks, metadata)`. The arguments
 * from the fifth on are optional.
 */
function rebuildTensor(args: readonly unknown[]): TorchTensor | PickleUnknown {
  const [storage, start, shape, strides, , , metadata] = args;
  const unknown = unknownAmong(storage, start, shape, strides);
  if (unknown) return unknown;
  if (
    !(storage instanceof TorchStorage) || !isCount(start) ||
    !(shape instanceof PickleTuple) || !(strides instanceof PickleTuple)
  ) {
    throw new SyntaxError("its pickle rebuilds a tensor from other arguments than a view's");
  }
  const view = `its tensor in storage ${quote(storage.key)}`;
  // Metadata marks a lazily conjugated or negated tensor: the stored elements are not its values.
  if (metadata instanceof Map && metadata.size > 0) {
    throw new SyntaxError(`${view} is lazily conjugated or negated, which is not supported`);
  }
  let measured;
  try {
    measured = measure(shape.items, strides.items);
  } catch (cause) {
    throw cause instanceof SyntaxError ? new SyntaxError(`${view} ${cause.message}`) : cause;
  }
  if (start + measured.span > storage.count) {
    throw new SyntaxError(
      `${view} reaches to element ${start + measured.span}, the storage has ${storage.count}`,
    );
  }
  return new TorchTensor(storage, start, measured.shape, measured.strides, measured.span);
}

/** Reads `(data, requires_grad, backward_hooks)`. */
function rebuildParameter([data]: readonly unknown[]): TorchTensor | PickleUnknown {
  const unknown = unknownAmong(data);
  if (unknown) return unknown;
  if (!(data instanceof TorchTensor)) {
    throw new SyntaxError("its pickle rebuilds a parameter from what is not a tensor");
  }
  return data;
}

function orderedDict(args: readonly unknown[]): Map<unknown, unknown> {
  if (args.length > 0) {
    throw new SyntaxError("its pickle makes an OrderedDict from arguments");
  }
  return new Map();
}

function torchSize([sizes]: readonly unknown[]): PickleTuple | PickleUnknown {
  const unknown = unknownAmong(sizes);
  if (unknown) return unknown;
  if (!(sizes instanceof PickleTuple)) {
    throw new SyntaxError("its pickle makes a torch.Size from what is not a tuple");
  }
  return sizes;
}
