import "../../base/host/deno/mod.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { EXPECTED } from "./fixtures/expected.ts";
import { IMAGE_SIZES, pattern } from "./fixtures/pattern.ts";
import { preprocess } from "./preprocess.ts";

const VIEWS = {
  "biovil": { crop: 480, resized: 512 },
  "biovil-t": { crop: 448, resized: 512 },
} as const;

for (const [variant, view] of Object.entries(VIEWS)) {
  Deno.test(`preprocess() gives the bytes of NumPy, Pillow and torchvision for ${variant}`, () => {
    assertEquals(Object.keys(EXPECTED.images).length, IMAGE_SIZES.length);
    for (const [width, height] of IMAGE_SIZES) {
      const seen = preprocess({ width, height, data: pattern(width, height) }, view);
      assertEquals(
        createHash("sha256").update(seen).digest("hex"),
        EXPECTED.images[`${width}x${height}`]![variant as keyof typeof VIEWS],
        `${width}x${height}`,
      );
    }
  });
}

Deno.test("preprocess() makes an image of one value black", () => {
  const data = new Uint8Array(600 * 700).fill(77);
  const seen = preprocess({ width: 600, height: 700, data }, VIEWS.biovil);
  assertEquals(seen, new Uint8Array(480 * 480));
});

Deno.test("preprocess() refuses a size that does not fit the data", () => {
  const image = { width: 3, height: 2, data: new Uint8Array(5) };
  assertThrows(() => preprocess(image, VIEWS.biovil), RangeError, "expected 3 x 2 pixels, got 5");
});
