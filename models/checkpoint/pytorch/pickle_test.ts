import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  call,
  dict,
  global,
  int,
  pickle,
  type Piece,
  text,
  tuple,
} from "../../../tests/support/torch_file.ts";
import {
  PickleGlobal,
  PickleTuple,
  PickleUnknown,
  unpickle,
  type UnpickleOptions,
} from "./pickle.ts";

const OPTIONS: UnpickleOptions = {
  globals: new Map([
    ["plain.Name", new PickleGlobal("plain.Name")],
    ["plain.count", new PickleGlobal("plain.count", (args) => args.length)],
  ]),
  persistentLoad: (id) => ({ id }),
};

function load(...pieces: Piece[]): unknown {
  return unpickle(pickle(...pieces), OPTIONS);
}

Deno.test("unpickle() reads numbers, text and containers", () => {
  assertEquals(load([0x4e]), null);
  assertEquals(load([0x88]), true);
  assertEquals(load([0x89]), false);
  assertEquals(load([0x4b, 255]), 255);
  assertEquals(load([0x4d, 0xff, 0xff]), 65535);
  assertEquals(load([0x4a, 0xfe, 0xff, 0xff, 0xff]), -2);
  assertEquals(load([0x47, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]), 1.5);
  assertEquals(load([0x8a, 0]), 0);
  assertEquals(load([0x8a, 1, 0xff]), -1);
  assertEquals(load(int(-(2n ** 40n))), -(2 ** 40));
  assertEquals(load(int(2n ** 62n)), 2n ** 62n);
  assertEquals(load(text("größe")), "größe");
  assertEquals(load([0x8c, 2, 0x68, 0x69]), "hi");
  assertEquals(load([0x8d, 1, 0, 0, 0, 0, 0, 0, 0, 0x68]), "h");
  assertEquals(load([0x43, 1, 7]), Uint8Array.of(7));
  assertEquals(load([0x42, 1, 0, 0, 0, 7]), Uint8Array.of(7));
  assertEquals(load([0x5d, 0x4e, 0x61]), [null]);
  assertEquals(load([0x5d, 0x28, 0x88, 0x89, 0x65]), [true, false]);
  assertEquals(load([0x7d, 0x4b, 1, 0x4b, 2, 0x73]), new Map([[1, 2]]));
  assertEquals(load([0x29]), new PickleTuple([]));
  assertEquals(
    load([0x4b, 1, 0x4b, 2, 0x4b, 3, 0x87]),
    new PickleTuple([1, 2, 3]),
  );
  assertEquals(load([0x4b, 1, 0x4b, 2, 0x86]), new PickleTuple([1, 2]));
  assertEquals(load([0x4b, 1, 0x85]), new PickleTuple([1]));
  assertEquals(load([0x4b, 1, 0x4b, 2, 0x30]), 1);
  assertEquals(load([...text("key"), 0x51]), { id: "key" });
});

Deno.test("unpickle() reads the framed, memoised form of protocols 4 and 5", () => {
  const framed = [0x95, 9, 0, 0, 0, 0, 0, 0, 0];
  const body = [0x8c, 1, 0x61, 0x94, 0x68, 0, 0x86, 0x94, 0x2e];
  for (const protocol of [4, 5]) {
    const bytes = Uint8Array.from([0x80, protocol, ...framed, ...body]);
    assertEquals(unpickle(bytes, OPTIONS), new PickleTuple(["a", "a"]));
  }
});

Deno.test("unpickle() keeps hostile keys in a Map", () => {
  const inner = dict([["polluted", [0x88]]]);
  const value = load(
    dict([["__proto__", inner], ["constructor", inner]]),
  ) as Map<string, unknown>;
  assertEquals([...value.keys()], ["__proto__", "constructor"]);
  assertEquals(Reflect.get({}, "polluted"), undefined);
});

Deno.test("unpickle() reads a value that contains itself", () => {
  const list = load([0x5d, 0x71, 0, 0x68, 0, 0x61]) as unknown[];
  assertStrictEquals(list[0], list);
});

Deno.test("unpickle() calls only the given functions", () => {
  assertEquals(load(call(global("plain", "count"), [0x4e], [0x4e])), 2);
  assertEquals(load([...text("plain"), ...text("count"), 0x93, 0x29, 0x52]), 0);
  assertThrows(
    () => load(call(global("plain", "Name"))),
    SyntaxError,
    "calls what cannot be",
  );
  assertThrows(
    () => load([...text("count"), 0x29, 0x52]),
    SyntaxError,
    "calls what cannot be",
  );
  for (const [module, name] of [["posix", "system"], ["builtins", "eval"]] as const) {
    const made = load(call(global(module, name), text("1")));
    assertInstanceOf(made, PickleUnknown);
    assertEquals([(made as PickleUnknown).global, (made as PickleUnknown).size], [
      `${module}.${name}`,
      0,
    ]);
  }
  for (const name of ["__proto__", "constructor", "toString"]) {
    const made = load(call(global(name, name)));
    assertEquals((made as PickleUnknown).global, `${name}.${name}`);
  }
});

Deno.test("unpickle() builds objects that mean nothing without their state", () => {
  const object = [...global("a", "B"), 0x29, 0x81];
  const cases: Piece[] = [
    object,
    [...object, ...dict([["x", [0x4e]]]), 0x62],
    [...object, 0x4e, 0x62],
    [...object, 0x28, 0x4e, 0x65],
    [...global("a", "B"), 0x29, 0x7d, 0x92],
    [...call(object, [0x4e])],
  ];
  for (const piece of cases) {
    const made = load(piece);
    assertInstanceOf(made, PickleUnknown);
    assertEquals([(made as PickleUnknown).global, (made as PickleUnknown).size], ["a.B", 0]);
  }
  const filled = load([...object, ...text("x"), 0x88, 0x73]);
  assertEquals([...filled as PickleUnknown], [["x", true]]);
  const bytes = [3, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3];
  assertEquals(load([0x8e, ...bytes]), Uint8Array.of(1, 2, 3));
  assertEquals(load([0x96, ...bytes]), Uint8Array.of(1, 2, 3));
  assertEquals(load([0x28, 0x4e, 0x91]), new PickleUnknown("builtins.frozenset"));
  assertEquals(load([0x8f, 0x28, 0x4e, 0x90]), new PickleUnknown("builtins.set"));
  assertEquals(load([0x88, 0x28, 0x4e, 0x31]), true);
});

Deno.test("unpickle() names every forbidden opcode and its position", () => {
  for (
    const [opcode, name] of [[0x69, "INST"], [0x8b, "LONG4"], [
      0x82,
      "EXT1",
    ]] as const
  ) {
    assertThrows(
      () => load([0x4e, opcode]),
      SyntaxError,
      `forbidden opcode 0x${opcode.toString(16)}, at byte 3 of data.pkl (${name})`,
    );
  }
  assertThrows(
    () => load([0xff]),
    SyntaxError,
    "forbidden opcode 0xff, at byte 2",
  );
});

Deno.test("unpickle() refuses opcodes without fitting values", () => {
  const cases: [Piece, string][] = [
    [[], "takes more from the stack than is there"],
    [[0x4e, 0x28], "takes more from the stack than is there"],
    [[0x85], "takes more from the stack than is there"],
    [[0x30], "takes more from the stack than is there"],
    [[0x71, 0], "takes more from the stack than is there"],
    [[0x4e, 0x28, 0x86], "takes more from the stack than is there"],
    [[0x74], "closes a MARK that was never opened"],
    [[0x68, 9], "recalls value 9, which was never stored"],
    [[0x6a, 255, 255, 255, 255], "recalls value 4294967295"],
    [[0x29, 0x4e, 0x61], "appends to what is not a list"],
    [[0x5d, 0x4e, 0x4e, 0x73], "sets an item of what is not a dictionary"],
    [[0x7d, 0x28, 0x4e, 0x75], "sets a key without its value"],
    [[0x5d, 0x7d, 0x62], "sets attributes of what is not a dictionary"],
    [[0x4e, 0x4e, 0x93], "names a global by what is not text"],
    [[0x58, 255, 255, 255, 255], "needs 4294967295 bytes more, found 1"],
    [[0x42, 255, 255, 255, 255], "needs 4294967295 bytes more, found 1"],
    [
      [0x8d, 0, 0, 0, 0, 0, 0, 0, 0x10],
      "needs 1152921504606847000 bytes more, found 1",
    ],
    [
      [0x95, 255, 255, 255, 255, 255, 255, 255, 255],
      "needs 18446744073709552000 bytes more",
    ],
    [[0x8a, 200], "needs 200 bytes more, found 1"],
    [[0x8c, 2, 0xc3, 0x28], "holds text that is not UTF-8"],
    [[0x63, 0x61, 0x0a, 0x62], "needs a line end, found none"],
    [[0x80, 6], "has protocol 6, expected 2 to 5"],
    [[0x80, 1], "has protocol 1, expected 2 to 5"],
  ];
  for (const [piece, message] of cases) {
    assertThrows(() => load(piece), SyntaxError, message);
  }
  for (const bytes of [[0x2e], [0x28, 0x6c, 0x2e]]) {
    assertThrows(
      () => unpickle(Uint8Array.from(bytes), OPTIONS),
      SyntaxError,
      "does not start with a protocol",
    );
  }
});

Deno.test("unpickle() ends a pickle that goes on for ever", () => {
  const bytes = new Uint8Array(2_500_000).fill(0x4e);
  bytes.set([0x80, 2]);
  assertThrows(
    () => unpickle(bytes, OPTIONS),
    SyntaxError,
    "has more than 2000000 opcodes",
  );
});

Deno.test("unpickle() throws a SyntaxError wherever the pickle is cut", () => {
  const bytes = pickle(
    dict([
      ["list", [0x5d, 0x28, ...int(5), ...tuple(text("a"), [0x4e]), 0x65]],
      ["called", call(global("plain", "count"), text("b"))],
      ["float", [0x47, 0, 0, 0, 0, 0, 0, 0, 0]],
    ]),
  );
  unpickle(bytes, OPTIONS);
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => unpickle(bytes.slice(0, length), OPTIONS), SyntaxError);
  }
});

Deno.test("unpickle() throws nothing but a SyntaxError on damaged bytes", () => {
  const bytes = pickle(
    dict([["a", tuple(int(1), text("b"))], [
      "c",
      call(global("plain", "count")),
    ]]),
  );
  for (let position = 0; position < bytes.length; position++) {
    for (let value = 0; value < 256; value++) {
      const damaged = bytes.slice();
      damaged[position] = value;
      try {
        unpickle(damaged, OPTIONS);
      } catch (error) {
        assert(
          error instanceof SyntaxError,
          `byte ${position} = ${value}: ${error}`,
        );
      }
    }
  }
});
