import { assert, assertEquals, assertRejects } from "@std/assert";
import { closestShapes, fitTensors } from "./fit_tensors.ts";
import type { TensorSet } from "./tensor_set.ts";
import type { Checkpoint } from "./checkpoint.ts";

type Shapes = Readonly<Record<string, readonly number[]>>;

/** Returns a checkpoint with several sets of tensors, by the keys that lead to each set. */
function checkpoint(
  sets: Readonly<Record<string, Shapes>>,
  unknown: [string, string][] = [],
): Checkpoint {
  const all = Object.entries(sets).map(([keys, shapes], set): TensorSet => ({
    keys: keys === "" ? [] : keys.split("."),
    shapes: new Map(Object.entries(shapes)),
    unknown: new Map(unknown),
    locate: () =>
      Promise.resolve(
        new Map(
          Object.entries(shapes).map(([name, shape], i) =>
            [name, { name, shape, dtype: "float32", offset: 100 * set + i, byteLength: 0 }] as const
          ),
        ),
      ),
  }));
  const path = "diffusion_model.pth";
  return {
    ...{ path, files: [path], format: "pytorch", tensors: new Map(), metadata: new Map() },
    sets: all,
  };
}

const EXPECTED = new Map([["a.w", [2, 3]], ["b.c.w", [1]]]);
const OWN = { "a.w": [2, 3], "b.c.w": [1] };

/** Returns the tensors of {@linkcode OWN} under other names. */
const renamed = (rename: (name: string) => string): Shapes =>
  Object.fromEntries(Object.entries(OWN).map(([name, shape]) => [rename(name), shape]));

/** Returns the offsets of the tensors that were found, by the model's names. */
async function offsets(sets: Readonly<Record<string, Shapes>>): Promise<[string, number][]> {
  const { tensors } = await fitTensors(checkpoint(sets), EXPECTED);
  return [...tensors].map(([name, tensor]) => {
    assertEquals(tensor.name, name);
    return [name, tensor.offset];
  });
}

Deno.test("fitTensors() removes prefixes and infixes that training adds to names", async () => {
  const prefixes = [
    "",
    "module.",
    "_orig_mod.",
    "module._orig_mod.",
    "_orig_mod.module.",
    "model.",
  ];
  for (const prefix of [...prefixes, "net._orig_mod.", "ema_model.module.", "a.b."]) {
    const shapes = renamed((name) => prefix + name);
    assertEquals(await offsets({ "": shapes }), [["a.w", 0], ["b.c.w", 1]], prefix);
  }
  for (
    const part of ["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]
  ) {
    const shapes = renamed((name) => `model.${name.replace("b.", `b.${part}.`)}`);
    assertEquals(await offsets({ "": shapes }), [["a.w", 0], ["b.c.w", 1]], part);
  }
});

Deno.test("fitTensors() finds the one set that fits among others", async () => {
  const others = {
    "optimizer.state.0": { "exp_avg": [2, 3], "step": [] },
    "discriminator": { x: [1] },
  };
  for (const key of ["state_dict", "ema", "params_ema", "state.model"]) {
    assertEquals((await offsets({ ...others, [key]: OWN }))[0], ["a.w", 200], key);
  }
  // Counters of moving averages do not matter, nor does a loss beside the network.
  const counted = { ...OWN, n_averaged: [], num_updates: [1] };
  assertEquals((await offsets({ "": counted }))[0], ["a.w", 0]);
  const lightning = { ...renamed((name) => `net.${name}`), "loss.w": [7], n_averaged: [] };
  assertEquals((await offsets({ state_dict: lightning }))[0], ["a.w", 0]);
});

Deno.test("fitTensors() refuses weights that are there more than once", async () => {
  const twice = "it holds these weights 2 times, ";
  const cases: [Readonly<Record<string, Shapes>>, string][] = [
    [{ model: OWN, ema: OWN }, `${twice}below "model"; below "ema"; save only those`],
    [
      { state_dict: { ...renamed((n) => `model.${n}`), ...renamed((n) => `ema.${n}`) } },
      `${twice}below "state_dict" behind "model."; below "state_dict" behind "ema."; save`,
    ],
    [
      { "": OWN, "x.y": renamed((n) => `module.${n}`) },
      `${twice}by their own names; below "x.y" behind "module."`,
    ],
  ];
  for (const [sets, message] of cases) {
    await assertRejects(() => fitTensors(checkpoint(sets), EXPECTED), RangeError, message);
  }
});

Deno.test("fitTensors() takes weights that are there by two names", async () => {
  const file = checkpoint({ model: OWN, compiled: renamed((name) => `_orig_mod.${name}`) });
  const [first, second] = file.sets;
  const located = await first!.locate();
  const again = [...located].map(([name, tensor]) => [`_orig_mod.${name}`, tensor] as const);
  const sets = [first!, { ...second!, locate: () => Promise.resolve(new Map(again)) }];
  const { tensors } = await fitTensors({ ...file, sets }, EXPECTED);
  assertEquals(tensors.get("b.c.w")!.offset, 1);
});

Deno.test("fitTensors() names the misfits of the closest set", async () => {
  const cases: [Readonly<Record<string, Shapes>>, string][] = [
    [
      { "": { "module.a.w": [2, 3], "b.c.w": [1] } },
      'its tensor "b.c.w" does not begin with "module." as others do; expected all or none',
    ],
    [
      { "": { "a.w": [2, 3], "module.b.c.w": [1] } },
      'its tensor "module.b.c.w" begins with "module." and others do not; expected all or none',
    ],
    [
      { optimizer: { step: [] }, model: { "net.a.w": [2, 4], "net.d": [1] } },
      '1 missing (b.c.w); 1 unexpected (d); 1 misshaped: "a.w" expected [2,3], got [2,4], ' +
      'of those below "model" behind "net."',
    ],
    [
      { "x": { u: [1] }, "y.z": { v: [1] } },
      '2 missing (a.w, b.c.w); 1 unexpected (u); its tensors are below "x", "y.z"',
    ],
    [{ "": { ...OWN, "extra.w": [1] } }, "1 unexpected (extra.w)"],
    [{ "": { ...OWN, n_averaged: [2] } }, "1 unexpected (n_averaged)"],
    [{ "": { ...OWN, "b.module.c.w": [1] } }, 'several of its names come to "b.c.w"'],
    [
      { "": { ...renamed((name) => `model.${name}`), "b.c.w": [1] } },
      'several of its names come to "b.c.w"',
    ],
  ];
  for (const [sets, message] of cases) {
    await assertRejects(
      () => fitTensors(checkpoint(sets), EXPECTED),
      RangeError,
      `Cannot load "diffusion_model.pth": ${message}`,
    );
  }
});

Deno.test("fitTensors() names the function behind a tensor that only execution would make", async () => {
  const sets = { "": { "module.a.w": [2, 3] } };
  const unknown: [string, string][] = [["module.b.c.w", "posix.system"], ["epoch", "numpy.x"]];
  await assertRejects(
    () => fitTensors(checkpoint(sets, unknown), EXPECTED),
    RangeError,
    'its tensor "b.c.w" is made by "posix.system", which is not read',
  );
});

Deno.test("closestShapes() gives a model's names without their prefix", () => {
  const sets = { optimizer: { step: [] }, model: renamed((name) => `module.${name}`) };
  const found = closestShapes(checkpoint(sets), ["a.w", "b.c.w", "d.w"]);
  assertEquals([...found], [["a.w", [2, 3]], ["b.c.w", [1]]]);
});

const whole = (shapes: Shapes) => checkpoint({ "": shapes });

Deno.test("fitTensors() accepts an exact match", async () => {
  await fitTensors(
    whole({ a: [2, 3], b: [] }),
    new Map([["a", [2, 3]], ["b", []]]),
  );
});

Deno.test("fitTensors() lists everything missing, unexpected and misshaped at once", async () => {
  await assertRejects(
    () =>
      fitTensors(
        whole({ c: [1], "conv_in.conv.weight": [64, 3, 3, 3] }),
        new Map([["a", [1]], ["b", [1]], ["conv_in.conv.weight", [
          32,
          3,
          3,
          3,
        ]]]),
      ),
    RangeError,
    'Cannot load "diffusion_model.pth": 2 missing (a, b); 1 unexpected (c);' +
      ' 1 misshaped: "conv_in.conv.weight" expected [32,3,3,3], got [64,3,3,3]',
  );
});

Deno.test("fitTensors() tells shapes of other lengths apart", async () => {
  for (const shape of [[], [2], [2, 3, 1]]) {
    await assertRejects(
      () => fitTensors(whole({ a: shape }), new Map([["a", [2, 3]]])),
      RangeError,
      `"a" expected [2,3], got [${shape}]`,
    );
  }
});

Deno.test("fitTensors() ignores unexpected tensors only on request", async () => {
  const file = whole({ a: [1], "vision_model.x": [1], other: [1] });
  const ignore = (name: string) => name.startsWith("vision_model.");
  await assertRejects(
    () => fitTensors(file, new Map([["a", [1]]]), { ignore }),
    RangeError,
    "1 unexpected (other)",
  );
  await assertRejects(
    () =>
      fitTensors(file, new Map([["vision_model.y", [1]]]), {
        ignore: () => true,
      }),
    RangeError,
    "1 missing (vision_model.y)",
  );
});

Deno.test("fitTensors() stays a line however long the names are", async () => {
  const tensors = Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => ["\x1b".repeat(500) + i, Array(8).fill(2 ** 52)]),
  );
  const expected = new Map(Object.keys(tensors).slice(0, 4).map((name) => [name, [1]]));
  const error = await assertRejects(() => fitTensors(whole(tensors), expected), RangeError);
  assert(error.message.length < 900, error.message);
  assert(error.message.includes("5 unexpected (\\u001b"), error.message);
});

Deno.test("fitTensors() keeps long lists short and names printable", async () => {
  const names = Array.from({ length: 11 }, (_, index) => `t${index}`);
  await assertRejects(
    () => fitTensors(whole({}), new Map(names.map((name) => [name, [1]]))),
    RangeError,
    "11 missing (t0, t1, t2, t3, t4, t5, t6, t7, and 3 more)",
  );
  await assertRejects(
    () => fitTensors(whole({ "a\x1b\n": [1] }), new Map()),
    RangeError,
    "1 unexpected (a\\u001b\\n)",
  );
});
