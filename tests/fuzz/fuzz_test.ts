import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { CORPUS } from "./corpus.ts";
import { type Crash, fuzz, TARGETS, tryInput } from "./fuzz.ts";
import type { Target } from "./target.ts";

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-fuzz-" });
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("every input that once broke a reader is now read or refused correctly", () =>
  withFolder(async (folder) => {
    for (const [name, what, input, refusal] of CORPUS) {
      const target = TARGETS.find((target) => target.name === name)!;
      const { broken, message = "" } = await tryInput(target, input, folder);
      const found = `${name}, ${what}: ${broken ?? message}`;
      assert(!broken, found);
      if (refusal) assertMatch(message, refusal, found);
      else assertEquals(message, "", found);
    }
  }));

Deno.test("thousands of hostile inputs are read or refused in a sentence", () =>
  withFolder(async (folder) => {
    const crashes: string[] = [];
    const onCrash = ({ target, reason }: Crash, index: number) =>
      void crashes.push(`deno task fuzz --seed 0 --only "${target}", input ${index}: ${reason}`);
    const options = { seed: 0, inputs: 7500, targets: TARGETS, folder, onCrash };
    let inputs = 0;
    for await (const tally of fuzz(options)) {
      inputs += tally.inputs;
      // If a reader refuses or accepts all inputs, the inputs do not test it.
      const target = TARGETS.find(({ name }) => name === tally.name)!;
      if (!target.refusal) assert(tally.valid > 0 && tally.valid < tally.inputs, tally.name);
    }
    assertEquals(crashes, []);
    assert(inputs >= 7500);
  }));

Deno.test("a reader that breaks a promise is found out", () =>
  withFolder(async (folder) => {
    const faults: [(own: string) => unknown, RegExp][] = [
      [
        (own) => (undefined as unknown as string[])[own.length],
        /an internal one: "Cannot read prop/,
      ],
      [() => new Array(-1), /an internal one: "Invalid array length/],
      [() => {
        throw new SyntaxError("it is malformed");
      }, /does not name the file/],
      [(own) => {
        throw new SyntaxError(`${own} is malformed: ${"x".repeat(1000)}`);
      }, /characters/],
      [(own) => {
        throw new SyntaxError(`${own} is malformed: \u001b[2J`);
      }, /cannot be printed/],
      [(own) => {
        throw new Error(`${own} is malformed`);
      }, /not typed/],
      [() => {
        throw "a string";
      }, /not typed/],
      [() => new Uint8Array(2 ** 28), /bytes$/],
      [() => {
        for (const start = performance.now(); performance.now() - start < 2100;);
      }, /ms$/],
    ];
    for (const [fault, reason] of faults) {
      const read = async (_: Uint8Array, own: string) => await fault(own);
      const target: Target = { name: "faulty", share: 1, make: () => new Uint8Array(), read };
      assertMatch((await tryInput(target, new Uint8Array(), folder)).broken ?? "", reason);
    }
    const ofSample: Target = {
      name: "faulty",
      share: 1,
      isOfSample: true,
      make: () => new Uint8Array(),
      read: (_, own) => Promise.reject(new RangeError(`${own} is malformed`)),
    };
    assertMatch((await tryInput(ofSample, new Uint8Array(), folder)).broken!, /not typed/);
    const all: Target = {
      name: "credulous",
      share: 1,
      make: () => new Uint8Array(),
      read: () => Promise.resolve(),
      refusal: /./,
    };
    assertMatch((await tryInput(all, new Uint8Array(), folder)).broken!, /expected a refusal/);
  }));

Deno.test("a prototype that was changed is found out, and inputs are the same for the same seed", () =>
  withFolder(async (folder) => {
    const polluter: Target = {
      name: "polluter",
      share: 1,
      make: (random) => Uint8Array.of(random.integer(0, 255)),
      read: () => {
        Object.defineProperty(Object.prototype, "polluted", { value: true, configurable: true });
        return Promise.resolve();
      },
    };
    const seen: string[][] = [[], []];
    for (const inputs of seen) {
      const onCrash = ({ input, reason }: Crash) => void inputs.push(`${input} ${reason}`);
      const options = { seed: 3, inputs: 4, targets: [polluter], folder, onCrash };
      for await (const tally of fuzz(options)) assertEquals(tally.crashes, 4);
      delete (Object.prototype as { polluted?: boolean }).polluted;
    }
    assertEquals(seen[0], seen[1]);
    assert(seen[0]!.every((crash) => crash.endsWith("it changed a prototype")));
    assert(new Set(seen[0]).size > 1);
  }));
