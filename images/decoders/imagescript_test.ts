import "../../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { Image } from "imagescript";
import { type Host, host, useHost } from "../../base/host/host.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import { IMAGE_FILES } from "../../tests/support/image_files.ts";
import { decodeJpeg, decodePng } from "./imagescript.ts";
import { WasmLibrary } from "./wasm_library.ts";

/** Decodes a file with imagescript itself. */
async function expected(file: Uint8Array) {
  const { bitmap, width, height } = await Image.decode(file);
  return {
    data: Uint8Array.from({ length: width * height }, (_, i) => bitmap[4 * i]!),
    width,
    height,
  };
}

Deno.test("decodeImage() has the pixels that imagescript has, of every kind of PNG and JPEG", async () => {
  for (const [what, file] of Object.entries(IMAGE_FILES)) {
    const gray = await decodeImage(file);
    assertEquals(gray, await expected(file), what);
    assertEquals(new Set(gray.data).size > 1, true, what);
  }
});

Deno.test("decodePng() and decodeJpeg() have the same pixels after files that are corrupt", async () => {
  for (const [what, file] of Object.entries(IMAGE_FILES)) {
    const decode = what.startsWith("PNG") ? decodePng : decodeJpeg;
    const pixels = await expected(file);
    assertEquals(await decode(file.subarray(0, 20)), undefined, what);
    for (let at = 30; at < file.length; at += 9) {
      const corrupt = file.slice();
      corrupt.set([at, 255, 0], at - 3);
      const before = await Image.decode(corrupt).catch(() => undefined);
      assertEquals(await decode(corrupt), before && await expected(corrupt), `${what}, byte ${at}`);
      assertEquals(await decode(file), pixels, `${what} after byte ${at}`);
    }
  }
});

Deno.test("WasmLibrary takes its memory for one image after another, and anew after one that failed", async () => {
  const library = new WasmLibrary("imagescript/wasm/any/jpeg.wasm");
  const memory = await library.use(({ memory }) => memory);
  assertEquals(await library.use((again) => again.memory === memory), true);
  const failed = await library.use(() => {
    throw new WebAssembly.RuntimeError("unreachable");
  });
  assertEquals(failed, undefined);
  assertEquals(await library.use((fresh) => fresh.memory === memory), false);
  const other = await library.use(({ memory }) => memory);
  await library.use(() => undefined);
  assertEquals(await library.use((fresh) => fresh.memory === other), false);
  await library.use(({ memory }) => memory.grow(2 ** 12));
  assertEquals(await library.use(({ memory }) => memory.buffer.byteLength < 2 ** 28), true);
});

Deno.test("WasmLibrary says that it cannot be loaded, and tries again", async () => {
  const deno = host();
  const library = new WasmLibrary("imagescript/wasm/any/jpeg.wasm");
  const withReader = (readPackageFile: Host["readPackageFile"]) =>
    useHost({ ...deno, readPackageFile });
  try {
    withReader(() => Promise.reject(new Error("the server is gone")));
    await assertRejects(() => library.use(() => 1), Error, "the server is gone");
    withReader(() => Promise.resolve(new Uint8Array(8)));
    await assertRejects(
      () => library.use(() => 1),
      Error,
      'Cannot load "imagescript/wasm/any/jpeg.wasm": WebAssembly',
    );
  } finally {
    useHost(deno);
  }
  assertEquals(await library.use(() => 1), 1);
});
