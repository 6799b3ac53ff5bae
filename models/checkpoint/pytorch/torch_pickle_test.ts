import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  call,
  dict,
  global,
  int,
  pickle,
  type Piece,
  tensor,
  text,
  tuple,
} from "../../../tests/support/torch_file.ts";
import { readTorchPickle } from "./torch_pickle.ts";

const TENSOR = tensor({ count: 6, shape: [2, 3], strides: [3, 1] });

function read(...pieces: Piece[]) {
  return readTorchPickle(pickle(...pieces)).sets[0]!.tensors;
}

Deno.test("readTorchPickle() reads views of storages", () => {
  const tensors = read(dict([
    ["whole", TENSOR],
    ["transposed", tensor({ count: 6, shape: [3, 2], strides: [1, 3] })],
    ["row", tensor({ count: 6, start: 3, shape: [1, 3], strides: [99, 1] })],
    [
      "scalar",
      tensor({
        type: "LongStorage",
        key: "x/y",
        count: 1,
        shape: [],
        strides: [],
      }),
    ],
    ["expanded", tensor({ count: 6, start: 5, shape: [4], strides: [0] })],
    ["none", tensor({ count: 0, shape: [0, 3], strides: [7, 1] })],
  ]));
  const views = [...tensors].map(([name, { start, shape, strides, span }]) => [
    name,
    start,
    [...shape],
    strides === undefined ? undefined : [...strides],
    span,
  ]);
  assertEquals(views, [
    ["whole", 0, [2, 3], undefined, 6],
    ["transposed", 0, [3, 2], [1, 3], 6],
    ["row", 3, [1, 3], undefined, 3],
    ["scalar", 0, [], undefined, 1],
    ["expanded", 5, [4], [0], 1],
    ["none", 0, [0, 3], undefined, 0],
  ]);
  const { storage } = tensors.get("scalar")!;
  assertEquals([storage.key, storage.dtype, storage.count], [
    "x/y",
    "int64",
    1,
  ]);
});

Deno.test("readTorchPickle() reads an OrderedDict with metadata, and parameters", () => {
  const parameter = call(
    global("torch._utils", "_rebuild_parameter"),
    TENSOR,
    [0x88],
    call(global("collections", "OrderedDict")),
  );
  const state = call(global("collections", "OrderedDict"));
  const tensors = read(
    [...state, ...text("weight"), ...parameter, 0x73],
    [...dict([["_metadata", dict([["version", int(1)]])]]), 0x62],
  );
  assertEquals([...tensors.keys()], ["weight"]);
});

/** Returns the keys that lead to each dictionary of tensors, and the tensors' names. */
function sets(...pieces: Piece[]): (readonly [keys: string, names: readonly string[]])[] {
  return readTorchPickle(pickle(...pieces)).sets
    .map(({ keys, tensors }) => [keys.join("."), [...tensors.keys()]] as const);
}

Deno.test("readTorchPickle() finds every dictionary of tensors, outer before inner ones", () => {
  const state = dict([["a", TENSOR], ["note", text("x")], ["b", TENSOR]]);
  const moments = [0x7d, ...int(0), ...dict([["exp_avg", TENSOR]]), 0x73];
  const list = [0x5d, 0x28, ...state, 0x65];
  const wrapped = dict([
    ...[["epoch", int(3)], ["step", TENSOR], ["any", state]] as const,
    ...[["optimizer", dict([["state", moments]])], ["both", list]] as const,
  ]);
  assertEquals(sets(wrapped), [
    ["", ["step"]],
    ["any", ["a", "b"]],
    ["both.0", ["a", "b"]],
    ["optimizer.state.0", ["exp_avg"]],
  ]);
  assertEquals(sets(tuple(state, int(3))), [["0", ["a", "b"]]]);
});

Deno.test("readTorchPickle() leaves out tensors that only execution would make", () => {
  const namespace = [
    ...global("argparse", "Namespace"),
    0x29,
    0x81,
    ...dict([["lr", int(1)]]),
    0x62,
  ];
  const scalar = call(
    global("numpy.core.multiarray", "scalar"),
    call(global("numpy", "dtype"), text("f8"), [0x89], [0x88]),
    call(global("_codecs", "encode"), text("x"), text("latin1")),
  );
  const counts = [
    ...call(global("collections", "defaultdict"), global("builtins", "int")),
    ...text("n"),
    ...int(1),
    0x73,
  ];
  const attack = call(global("posix", "system"), text("touch /tmp/groundray-executed"));
  const chained = [
    ...call(global("builtins", "getattr"), global("os", "system"), text("x")),
    ...tuple(text("y")),
    0x52,
  ];
  const values = [namespace, scalar, counts, attack, chained, global("torch", "float32"), [
    0x8f,
    0x28,
    0x4e,
    0x90,
  ]];
  const others = values.map((value, i) => [`other${i}`, value] as const);
  const { sets: [found], settings } = readTorchPickle(pickle(dict([...others, ["a", TENSOR]])));
  assertEquals([...found!.tensors.keys()], ["a"]);
  assertEquals(found!.unknown.get("other3"), "posix.system");
  assertEquals([...settings], [["other0.lr", 1], ["other2.n", 1]]);
  // A value that depends on an unknown global is not a tensor.
  const parameter = call(global("torch._utils", "_rebuild_parameter"), attack);
  const strange = tensor({ type: "ComplexFloatStorage", count: 1, shape: [], strides: [] });
  const { sets: [half] } = readTorchPickle(
    pickle(dict([["a", TENSOR], ["b", parameter], ["c", strange]])),
  );
  assertEquals([...half!.unknown], [["b", "posix.system"], ["c", "torch.ComplexFloatStorage"]]);
  // A dictionary of an unknown class can hold tensors.
  const easy = [...call(global("easydict", "EasyDict")), ...text("a"), ...TENSOR, 0x73];
  assertEquals(sets(dict([["model", easy]])), [["model", ["a"]]]);
});

Deno.test("readTorchPickle() keeps a tensor named __proto__ harmless", () => {
  const tensors = read(dict([["__proto__", TENSOR]]));
  assertEquals([...tensors.keys()], ["__proto__"]);
  assertStrictEquals(Reflect.get({}, "storage"), undefined);
});

Deno.test("readTorchPickle() finds no tensors where there are none", () => {
  const cases: Piece[] = [
    [0x4e],
    TENSOR,
    dict([]),
    dict([["a", int(1)]]),
    [0x7d, 0x4b, 1, ...TENSOR, 0x73],
    // A dictionary that contains itself under the name of every wrapper.
    [
      ...[0x7d, 0x71, 0],
      ...["state_dict", "model_state_dict", "model"]
        .flatMap((key) => [...text(key), 0x68, 0, 0x73]),
    ],
  ];
  for (const piece of cases) {
    assertThrows(
      () => read(piece),
      SyntaxError,
      "it holds no named tensors, expected a state_dict",
    );
  }
  const list = [0x5d, ...TENSOR, 0x61];
  assertThrows(
    () => read(dict([["decay", int(1)], ["shadow_params", list]])),
    SyntaxError,
    'its keys are "decay", "shadow_params"',
  );
});

Deno.test("readTorchPickle() refuses tensors that cannot be", () => {
  const max = Number.MAX_SAFE_INTEGER;
  const cases: [Parameters<typeof tensor>[0], string][] = [
    [
      { count: 5, shape: [2, 3], strides: [3, 1] },
      "reaches to element 6, the storage has 5",
    ],
    [
      { count: 6, start: 1, shape: [6], strides: [1] },
      "reaches to element 7, the storage has 6",
    ],
    [{ count: 6, start: max, shape: [6], strides: [1] }, "the storage has 6"],
    [
      { count: 6, shape: [2], strides: [6] },
      "reaches to element 7, the storage has 6",
    ],
    [
      { count: 6, shape: [-1], strides: [1] },
      "a shape that is not of nonnegative integers",
    ],
    [
      { count: 6, shape: [2n ** 60n], strides: [1] },
      "a shape that is not of nonnegative integers",
    ],
    [
      { count: 6, shape: [max, max], strides: [max, 1] },
      "has the impossible shape",
    ],
    [
      { count: 6, shape: [2, 3], strides: [max, max] },
      "has the impossible strides",
    ],
    [
      { count: 6, shape: [2], strides: [-1] },
      "has strides that do not fit its shape",
    ],
    [
      { count: 6, shape: [2, 3], strides: [1] },
      "has strides that do not fit its shape",
    ],
    [
      { count: 1, shape: [2 ** 40], strides: [0] },
      "repeats 1 elements to 1099511627776",
    ],
    [
      { count: 1, shape: [2 ** 22 + 1], strides: [0] },
      "at most 4194304 are read",
    ],
    [
      { count: 1, shape: Array(9).fill(1), strides: Array(9).fill(1) },
      "has 9 dimensions",
    ],
    [
      { count: -1, shape: [], strides: [] },
      "a persistent id that describes no storage",
    ],
    [
      { count: 2n ** 60n, shape: [], strides: [] },
      "a persistent id that describes no storage",
    ],
    [
      { type: "ComplexFloatStorage", count: 1, shape: [], strides: [] },
      'forbidden global "torch.ComplexFloatStorage"',
    ],
  ];
  for (const [description, message] of cases) {
    assertThrows(
      () => read(dict([["a", tensor(description)]])),
      SyntaxError,
      message,
    );
  }
});

Deno.test("readTorchPickle() refuses constructors with other arguments", () => {
  const rebuild = global("torch._utils", "_rebuild_tensor_v2");
  const storage: Piece = [
    ...tuple(
      text("storage"),
      global("torch", "FloatStorage"),
      text("0"),
      text("cpu"),
      int(1),
    ),
    0x51,
  ];
  const cases: [Piece, string][] = [
    [call(rebuild), "rebuilds a tensor from other arguments"],
    [
      call(rebuild, text("x"), int(0), tuple(), tuple()),
      "rebuilds a tensor from other arguments",
    ],
    [
      call(rebuild, storage, text("0"), tuple(), tuple()),
      "rebuilds a tensor from other arguments",
    ],
    [
      call(rebuild, storage, int(0), [0x5d], tuple()),
      "rebuilds a tensor from other arguments",
    ],
    [
      call(
        rebuild,
        storage,
        int(0),
        tuple(),
        tuple(),
        [0x89],
        [0x4e],
        dict([["neg", [0x88]]]),
      ),
      "is lazily conjugated or negated",
    ],
    [
      call(global("torch._utils", "_rebuild_parameter"), [0x4e]),
      "from what is not a tensor",
    ],
    [
      call(global("collections", "OrderedDict"), [0x5d]),
      "makes an OrderedDict from arguments",
    ],
    [
      call(global("torch", "Size"), [0x4e]),
      "makes a torch.Size from what is not a tuple",
    ],
    [[...text("x"), 0x51], "a persistent id that describes no storage"],
    [
      [...tuple(text("storage"), text("torch.FloatStorage")), 0x51],
      "describes no storage",
    ],
  ];
  for (const [piece, message] of cases) {
    assertThrows(() => read(dict([["a", piece]])), SyntaxError, message);
  }
});

/** An object of an unknown class: NEWOBJ without arguments, then BUILD with a state. */
const built = (name: string, state: Piece): Piece => [
  ...global("argparse", name),
  ...[0x29, 0x81],
  ...state,
  0x62,
];

Deno.test("readTorchPickle() reads weights beside hostile objects, and executes none of them", () => {
  const attack = call(global("os", "system"), text("touch /tmp/groundray-executed"));
  const evaluated = call(global("builtins", "eval"), text("1"));
  // Each call takes the result of the call before as its function, its argument, or both.
  let nested = attack;
  for (let depth = 0; depth < 50; depth++) {
    nested = [...nested, ...tuple(attack), 0x52];
  }
  const hostile: (readonly [string, Piece])[] = [
    ["system", attack],
    ["nested", nested],
    ["applied", call(global("functools", "partial"), attack, evaluated)],
    ["state", built("Namespace", dict([["__setstate__", attack], ["__reduce__", evaluated]]))],
    ["slots", built("Namespace", tuple([0x4e], dict([["x", attack]])))],
    ["list", built("Namespace", [0x5d])],
    ["self", [0x7d, 0x71, 9, ...text("me"), 0x68, 9, 0x73]],
    // A storage, a shape and a size that depend on unknown objects.
    ["strange", [...tuple(text("storage"), attack, text("0"), text("cpu"), int(1)), 0x51]],
    ["shape", call(global("torch._utils", "_rebuild_tensor_v2"), attack, int(0), attack, attack)],
    ["size", call(global("torch", "Size"), tuple(attack))],
    ["huge", call(global("builtins", "bytearray"), int(2n ** 62n))],
  ];
  const { sets: [found] } = readTorchPickle(pickle(dict([...hostile, ["a", TENSOR]])));
  assertEquals([...found!.tensors.keys()], ["a"]);
  assertEquals(found!.unknown.get("strange"), "os.system");
  assertEquals(found!.unknown.get("shape"), "os.system");
  assertThrows(() => Deno.statSync("/tmp/groundray-executed"), Deno.errors.NotFound);
});

Deno.test("readTorchPickle() takes the last value of a memo's place, and no tensor by a trick", () => {
  const attack = call(global("os", "system"), text("touch /tmp/groundray-executed"));
  // The place of the tensor holds an attack by the time that the dictionary takes it.
  const swapped = [...TENSOR, 0x71, 7, 0x30, ...attack, 0x71, 7, 0x30];
  const { sets: [found] } = readTorchPickle(
    pickle(swapped, dict([["b", TENSOR], ["a", [0x68, 7]]])),
  );
  assertEquals([[...found!.tensors.keys()], [...found!.unknown]], [["b"], [["a", "os.system"]]]);
  const far = [0x72, 0xff, 0xff, 0xff, 0xff];
  assertEquals([...read(dict([["a", [...TENSOR, ...far]]])).keys()], ["a"]);
  for (
    const [piece, reason] of [
      [dict([["a", [0x6a, 0xff, 0xff, 0xff, 0x7f]]]), "recalls value 2147483647"],
      [dict([["a", [...TENSOR, ...dict([["x", attack]]), 0x62]]]), "attributes of what is not"],
      [[0x8d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], "bytes more, found"],
      [dict([["a", tensor({ count: 2n ** 62n, shape: [1], strides: [1] })]]), "no storage"],
      [
        dict([["a", tensor({ count: 6, shape: [2 ** 40, 2 ** 40], strides: [0, 0] })]]),
        "impossible shape",
      ],
    ] as const
  ) assertThrows(() => read(piece), SyntaxError, reason);
});

Deno.test("readTorchPickle() ends soon on lists within lists, as keys and as values", () => {
  // Each list holds the list before twice: the text of the last list would have 2^60 letters.
  let lists: number[] = [0x5d, 0x71, 0];
  for (let i = 1; i < 60; i++) {
    lists = [...lists, 0x5d, 0x28, 0x68, i - 1, 0x68, i - 1, 0x65, 0x71, i];
  }
  const keyed = [0x7d, 0x68, 59, ...dict([["a", TENSOR]]), 0x73];
  assertEquals(sets(lists, dict([["x", keyed], ["y", [0x68, 59]]])), [["x.(an object)", ["a"]]]);
});

Deno.test("readTorchPickle() cuts long keys, and leaves out their settings", () => {
  // Each path would have a copy of the key.
  const letters = new TextEncoder().encode("k".repeat(2 ** 16));
  const long = [0x58, 0, 0, 1, 0, ...letters];
  const many = Array.from({ length: 9000 }, (_, i): [string, Piece] => [`s${i}`, int(i)]);
  const { settings, sets } = readTorchPickle(
    pickle([0x7d, ...long, ...dict([...many, ["a", TENSOR]]), 0x73, ...text("b"), ...int(1), 0x73]),
  );
  assertEquals([...settings], [["b", 1]]);
  assertEquals(sets[0]!.keys, ["k".repeat(200)]);
});

Deno.test("readTorchPickle() keeps plain settings of dictionaries and inert objects", () => {
  const args = built(
    "Namespace",
    dict([["nheads", int(8)], ["backbone", text("resnet50")], ["dilation", [0x89]], [
      "device",
      call(global("torch", "device"), text("cuda")),
    ]]),
  );
  const cfg = dict([["model", args], ["list", [0x5d]], ["none", [0x4e]]]);
  const { settings } = readTorchPickle(
    pickle(
      dict([["args", args], ["cfg", cfg], ["epoch", int(3)], ["model", dict([["a", TENSOR]])]]),
    ),
  );
  assertEquals([...settings], [
    ["epoch", 3],
    ["args.nheads", 8],
    ["args.backbone", "resnet50"],
    ["args.dilation", false],
    ["cfg.model.nheads", 8],
    ["cfg.model.backbone", "resnet50"],
    ["cfg.model.dilation", false],
  ]);
});
