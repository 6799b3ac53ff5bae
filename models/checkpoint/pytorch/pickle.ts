import { PickleCursor } from "./_pickle_cursor.ts";
import { OPCODE_NAMES } from "./_pickle_opcodes.ts";

// A state dict takes about 40 opcodes per tensor, so this allows 50 000 tensors. It also bounds
// the stack, the memo and every container, because each opcode makes at most one value.
const MAX_OPCODES = 2_000_000;

/** A tuple; a class of its own tells it from a list. */
export class PickleTuple {
  /** @param items The items of the tuple. */
  constructor(readonly items: readonly unknown[]) {}
}

/** A name that a pickle refers to, with a harmless constructor for calls of it. */
export class PickleGlobal {
  /**
   * @param name Full name, such as `collections.OrderedDict`.
   * @param construct Builds an inert value from the arguments of a call; undefined if a pickle may
   * only pass the name on. Throws a `SyntaxError` for arguments that do not fit.
   */
  constructor(readonly name: string, readonly construct?: (args: readonly unknown[]) => unknown) {}
}

/**
 * Replaces the result of an unknown global. It is inert, and holds only the items that the pickle
 * sets as in a dictionary.
 */
export class PickleUnknown extends Map<unknown, unknown> {
  /** Attributes that the pickle sets by name; not among the items. */
  attributes: ReadonlyMap<unknown, unknown> = new Map();

  /** @param global Full name of the global, such as `argparse.Namespace`. */
  constructor(readonly global: string) {
    super();
  }
}

/** Options of {@linkcode unpickle}. */
export interface UnpickleOptions {
  /** Known globals by full name; any other global makes a {@linkcode PickleUnknown}. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** Returns the inert value of a persistent id. */
  readonly persistentLoad: (id: unknown) => unknown;
}

/**
 * Reads a pickle of protocol 2 to 5 without executing anything.
 *
 * The reader knows only the opcodes that Python 3 emits for `torch.save`. Dicts become `Map`s,
 * lists become arrays, and tuples become {@linkcode PickleTuple}s. Safe integers become numbers,
 * other integers bigints. `REDUCE` calls only the given constructors. A {@linkcode PickleUnknown}
 * replaces any other object, such as a training script's settings beside the weights.
 *
 * @param bytes The pickle.
 * @returns The value at the top of the stack at `STOP`. It may contain itself.
 * @throws {SyntaxError} If the pickle is malformed. The message is a reason without the name of the
 * file.
 */
export function unpickle(bytes: Uint8Array<ArrayBuffer>, options: UnpickleOptions): unknown {
  return new Unpickler(new PickleCursor(bytes), options).load();
}

class Unpickler {
  readonly #input: PickleCursor;
  readonly #options: UnpickleOptions;
  readonly #stack: unknown[] = [];
  /** Stack lengths at each open MARK. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(input: PickleCursor, options: UnpickleOptions) {
    this.#input = input;
    this.#options = options;
  }

  load(): unknown {
    for (let count = 0; count < MAX_OPCODES; count++) {
      const opcode = this.#input.opcode();
      const name = OPCODE_NAMES[opcode];
      if (count === 0 && name !== "PROTO") {
        throw this.#fail("does not start with a protocol");
      }
      if (name === "STOP") return this.#pop();
      this.#run(opcode);
    }
    throw this.#fail(`has more than ${MAX_OPCODES} opcodes`);
  }

  #run(opcode: number): void {
    const input = this.#input;
    const stack = this.#stack;
    switch (OPCODE_NAMES[opcode]) {
      case "PROTO":
        return this.#checkProtocol(input.uint8());
      case "FRAME":
        // The length of a frame only says how much a reader may read ahead.
        return void input.checkLength(input.length64());

      case "NONE":
        return void stack.push(null);
      case "NEWTRUE":
        return void stack.push(true);
      case "NEWFALSE":
        return void stack.push(false);
      case "BININT":
        return void stack.push(input.int32());
      case "BININT1":
        return void stack.push(input.uint8());
      case "BININT2":
        return void stack.push(input.uint16());
      case "LONG1":
        return void stack.push(input.long(input.uint8()));
      case "BINFLOAT":
        return void stack.push(input.float64());

      case "SHORT_BINUNICODE":
        return void stack.push(input.string(input.uint8()));
      case "BINUNICODE":
        return void stack.push(input.string(input.uint32()));
      case "BINUNICODE8":
        return void stack.push(input.string(input.length64()));
      case "SHORT_BINBYTES":
        return void stack.push(input.slice(input.uint8()));
      case "BINBYTES":
        return void stack.push(input.slice(input.uint32()));
      case "BINBYTES8":
      case "BYTEARRAY8":
        return void stack.push(input.slice(input.length64()));

      case "EMPTY_DICT":
        return void stack.push(new Map());
      case "EMPTY_LIST":
        return void stack.push([]);
      case "EMPTY_TUPLE":
        return void stack.push(new PickleTuple([]));
      case "TUPLE1":
        return void stack.push(new PickleTuple(this.#popMany(1)));
      case "TUPLE2":
        return void stack.push(new PickleTuple(this.#popMany(2)));
      case "TUPLE3":
        return void stack.push(new PickleTuple(this.#popMany(3)));
      case "TUPLE":
        return void stack.push(new PickleTuple(this.#popToMark()));
      case "EMPTY_SET":
        return void stack.push(new PickleUnknown("builtins.set"));
      case "FROZENSET":
        this.#popToMark();
        return void stack.push(new PickleUnknown("builtins.frozenset"));
      case "ADDITEMS":
        return this.#append(this.#popToMark());
      case "APPEND":
        return this.#append(this.#popMany(1));
      case "APPENDS":
        return this.#append(this.#popToMark());
      case "SETITEM":
        return this.#setItems(this.#popMany(2));
      case "SETITEMS":
        return this.#setItems(this.#popToMark());

      case "MARK":
        return void this.#marks.push(stack.length);
      case "POP":
        return this.#discard();
      case "POP_MARK":
        return void this.#popToMark();
      case "BINPUT":
        return void this.#memo.set(input.uint8(), this.#peek());
      case "LONG_BINPUT":
        return void this.#memo.set(input.uint32(), this.#peek());
      case "MEMOIZE":
        return void this.#memo.set(this.#memo.size, this.#peek());
      case "BINGET":
        return void stack.push(this.#recall(input.uint8()));
      case "LONG_BINGET":
        return void stack.push(this.#recall(input.uint32()));

      case "GLOBAL":
        return void stack.push(this.#global(input.line(), input.line()));
      case "STACK_GLOBAL": {
        const [module, name] = this.#popMany(2);
        return void stack.push(this.#global(module, name));
      }
      case "BINPERSID":
        return void stack.push(this.#options.persistentLoad(this.#pop()));
      case "REDUCE":
      case "NEWOBJ":
        return this.#reduce();
      case "NEWOBJ_EX":
        this.#pop();
        return this.#reduce();
      case "BUILD":
        return this.#build();

      default:
        throw this.#fail(`holds the forbidden opcode 0x${opcode.toString(16).padStart(2, "0")}`);
    }
  }

  #checkProtocol(protocol: number): void {
    if (protocol < 2 || protocol > 5) {
      throw this.#fail(`has protocol ${protocol}, expected 2 to 5`);
    }
  }

  // Stack

  #peek(): unknown {
    this.#require(1);
    return this.#stack.at(-1);
  }

  #pop(): unknown {
    this.#require(1);
    return this.#stack.pop();
  }

  #popMany(count: number): unknown[] {
    this.#require(count);
    return this.#stack.splice(this.#stack.length - count);
  }

  #popToMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) {
      throw this.#fail("closes a MARK that was never opened");
    }
    return this.#stack.splice(mark);
  }

  #discard(): void {
    if (this.#stack.length === this.#marks.at(-1)) this.#marks.pop();
    else this.#pop();
  }

  /** Checks that the stack holds `count` values; an open MARK hides the values under it. */
  #require(count: number): void {
    if (this.#stack.length - (this.#marks.at(-1) ?? 0) < count) {
      throw this.#fail("takes more from the stack than is there");
    }
  }

  #recall(index: number): unknown {
    if (!this.#memo.has(index)) {
      throw this.#fail(`recalls value ${index}, which was never stored`);
    }
    return this.#memo.get(index);
  }

  // Containers and constructors

  #append(items: readonly unknown[]): void {
    const list = this.#peek();
    // The container has an unknown class; weights do not depend on its items.
    if (list instanceof PickleUnknown) return;
    if (!Array.isArray(list)) throw this.#fail("appends to what is not a list");
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly unknown[]): void {
    const dict = this.#peek();
    if (!(dict instanceof Map)) {
      throw this.#fail("sets an item of what is not a dictionary");
    }
    if (items.length % 2 !== 0) {
      throw this.#fail("sets a key without its value");
    }
    for (let index = 0; index < items.length; index += 2) {
      dict.set(items[index], items[index + 1]);
    }
  }

  #global(module: unknown, name: unknown): PickleGlobal {
    if (typeof module !== "string" || typeof name !== "string") {
      throw this.#fail("names a global by what is not text");
    }
    const full = `${module}.${name}`;
    return this.#options.globals.get(full) ??
      new PickleGlobal(full, () => new PickleUnknown(full));
  }

  #reduce(): void {
    const [callee, args] = this.#popMany(2);
    // The pickle calls a part of an unknown object, such as a method.
    if (callee instanceof PickleUnknown) return void this.#stack.push(callee);
    if (!(callee instanceof PickleGlobal) || !callee.construct || !(args instanceof PickleTuple)) {
      throw this.#fail("calls what cannot be called");
    }
    this.#stack.push(callee.construct(args.items));
  }

  #build(): void {
    // An OrderedDict has attributes, such as the `_metadata` of a state dict. They are dropped,
    // because weights do not depend on them.
    const [target, state] = this.#popMany(2);
    if (target instanceof PickleUnknown) {
      // An object without a dictionary, such as an instance with slots, has a state of its own kind.
      if (state instanceof Map) target.attributes = state;
      return void this.#stack.push(target);
    }
    if (!(target instanceof Map) || !(state instanceof Map)) {
      throw this.#fail("sets attributes of what is not a dictionary");
    }
    this.#stack.push(target);
  }

  #fail(reason: string): SyntaxError {
    return this.#input.fail(reason);
  }
}
