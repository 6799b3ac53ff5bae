import { PickleGlobal, PickleTuple, unpickle } from "./pickle.ts";
import { quote } from "../quote.ts";
import { type DType, isCount, measure } from "../tensor_entry.ts";

/** A run of elements that tensors are views of, one `data/` entry of the zip. */
export class TorchStorage {
  /**
   * @param key Name of the entry under `data/`.
   * @param dtype Type of the elements.
   * @param count Number of elements.
   */
  constructor(
    readonly key: string,
    readonly dtype: DType,
    readonly count: number,
  ) {}
}

/** A tensor as the pickle describes it: a strided view of a storage. */
export class TorchTensor {
  /**
   * @param storage What it is a view of.
   * @param start First element in the storage.
   * @param shape Size of each dimension.
   * @param strides Elements to step for each dimension; undefined where it is contiguous.
   * @param span Elements from the first to the last one inclusive.
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

// The keys under which training scripts keep the state dict beside epoch numbers and the like;
// "model_state_dict" is that of PyTorch's own tutorial on saving.
const WRAPPER_KEYS = ["state_dict", "model_state_dict", "model"];
const MAX_WRAPPERS = 8;
// torch.nn.DataParallel puts this before every name.
const PARALLEL_PREFIX = "module.";

/**
 * Reads the tensors' descriptions from the `data.pkl` of a PyTorch archive.
 *
 * A wrapper such as `{"epoch": 3, "state_dict": {...}}` is unwrapped, values that are no tensors are
 * left out, and the prefix `module.` is taken off where every name has it.
 *
 * @param pickle The bytes of `data.pkl`.
 * @returns The tensors by name, in the order of the state dict; at least one.
 * @throws {SyntaxError} If it is malformed, refers to anything but tensors in plain containers, or
 * holds no named tensor. The message is a reason without the name of the file.
 */
export function readTorchPickle(
  pickle: Uint8Array<ArrayBuffer>,
): Map<string, TorchTensor> {
  const root = unpickle(pickle, {
    globals: GLOBALS,
    persistentLoad: loadStorage,
  });
  const tensors = findTensors(root, MAX_WRAPPERS, new Set());
  if (tensors.size === 0) {
    throw new SyntaxError("it holds no named tensors, expected a state_dict");
  }
  if (![...tensors.keys()].every((name) => name.startsWith(PARALLEL_PREFIX))) {
    return tensors;
  }
  return new Map(
    [...tensors].map((
      [name, tensor],
    ) => [name.slice(PARALLEL_PREFIX.length), tensor]),
  );
}

function findTensors(
  value: unknown,
  wrappers: number,
  visited: Set<unknown>,
): Map<string, TorchTensor> {
  const found = new Map<string, TorchTensor>();
  // A dictionary may contain itself.
  if (!(value instanceof Map) || visited.has(value)) return found;
  visited.add(value);
  for (const key of wrappers > 0 ? WRAPPER_KEYS : []) {
    const inner = findTensors(value.get(key), wrappers - 1, visited);
    if (inner.size > 0) return inner;
  }
  for (const [name, tensor] of value) {
    if (typeof name === "string" && tensor instanceof TorchTensor) {
      found.set(name, tensor);
    }
  }
  return found;
}

/** `("storage", type, key, location, count)`; the location is the device it was saved from. */
function loadStorage(id: unknown): TorchStorage {
  const [kind, type, key, , count] = id instanceof PickleTuple ? id.items : [];
  const dtype = type instanceof PickleGlobal ? STORAGE_TYPES.get(type.name) : undefined;
  if (
    kind !== "storage" || dtype === undefined || typeof key !== "string" ||
    !isCount(count)
  ) {
    throw new SyntaxError(
      "its pickle holds a persistent id that describes no storage",
    );
  }
  return new TorchStorage(key, dtype, count);
}

/** `(storage, start, shape, strides, requires_grad, backward_hooks, metadata)` from the fifth on optional. */
function rebuildTensor(args: readonly unknown[]): TorchTensor {
  const [storage, start, shape, strides, , , metadata] = args;
  if (
    !(storage instanceof TorchStorage) || !isCount(start) ||
    !(shape instanceof PickleTuple) || !(strides instanceof PickleTuple)
  ) {
    throw new SyntaxError(
      "its pickle rebuilds a tensor from other arguments than a view's",
    );
  }
  const view = `its tensor in storage ${quote(storage.key)}`;
  // Metadata marks a lazily conjugated or negated tensor, whose elements differ from those stored.
  if (metadata instanceof Map && metadata.size > 0) {
    throw new SyntaxError(
      `${view} is lazily conjugated or negated, which is not supported`,
    );
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
  return new TorchTensor(
    storage,
    start,
    measured.shape,
    measured.strides,
    measured.span,
  );
}

/** `(data, requires_grad, backward_hooks)`. */
function rebuildParameter([data]: readonly unknown[]): TorchTensor {
  if (!(data instanceof TorchTensor)) {
    throw new SyntaxError(
      "its pickle rebuilds a parameter from what is not a tensor",
    );
  }
  return data;
}

function orderedDict(args: readonly unknown[]): Map<unknown, unknown> {
  if (args.length > 0) {
    throw new SyntaxError("its pickle makes an OrderedDict from arguments");
  }
  return new Map();
}

function torchSize([sizes]: readonly unknown[]): PickleTuple {
  if (!(sizes instanceof PickleTuple)) {
    throw new SyntaxError(
      "its pickle makes a torch.Size from what is not a tuple",
    );
  }
  return sizes;
}
