import "../../base/host/deno/mod.ts";
import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { type ReadTensor, withExternal } from "./wasm.ts";

async function inFile(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    const values = Float32Array.of(1, -2, 3, 4);
    await Deno.writeFile(path, new Uint8Array(values.buffer));
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("withExternal() reads stretches unchanged, as float16 and from bfloat16, and frees them after the load", () =>
  inFile(async (path) => {
    let held: readonly ReadTensor[] = [];
    const external = [
      { path, offset: 4, length: 8 },
      { path, offset: 0, length: 16, asFloat16: true },
      // The upper half of the second float32.
      { path, offset: 6, length: 2, asFloat32: true },
    ];
    const loaded = await withExternal(external, (tensors) => {
      held = tensors;
      return Promise.resolve({
        names: tensors.map((tensor) => tensor.path),
        whole: [...new Float32Array(tensors[0]!.data.buffer)],
        half: [...new Float16Array(tensors[1]!.data.buffer)],
        wide: [...new Float32Array(tensors[2]!.data.buffer)],
      });
    });
    const name = path.slice(path.lastIndexOf("/") + 1);
    const names = [`${name}@4+8`, `${name}@0+16`, `${name}@6+2`];
    assertEquals(loaded, { names, whole: [-2, 3], half: [1, -2, 3, 4], wide: [-2] });
    assertEquals(held.map(({ data }) => data.buffer.detached), [true, true, true]);
  }));

Deno.test("withExternal tells the same stretches of two files apart", () =>
  inFile((path) =>
    inFile(async (other) => {
      await Deno.writeFile(other, new Uint8Array(16));
      const external = [path, other].map((path) => ({ path, offset: 0, length: 4 }));
      const [first, second] = await withExternal(
        external,
        (tensors) =>
          Promise.resolve(
            tensors.map(({ path, data }) => [path, new Float32Array(data.buffer)[0]]),
          ),
      );
      assertEquals([first![1], second![1]], [1, 0]);
      assertNotEquals(first![0], second![0]);
    })
  ));

Deno.test("withExternal() frees its bytes if the load fails, and names a truncated file", () =>
  inFile(async (path) => {
    let held: readonly ReadTensor[] = [];
    const load = (tensors: readonly ReadTensor[]) => {
      held = tensors;
      return Promise.reject(new RangeError("too large"));
    };
    await assertRejects(
      () => withExternal([{ path, offset: 0, length: 16 }], load),
      RangeError,
      "too large",
    );
    assertEquals(held.map(({ data }) => data.buffer.detached), [true]);
    await assertRejects(
      () => withExternal([{ path, offset: 8, length: 16 }], load),
      SyntaxError,
      "is truncated",
    );
  }));
