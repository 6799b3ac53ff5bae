import { assertEquals, assertThrows } from "@std/assert";
import { decodeParts, encodeParts } from "./parts.ts";

const VALUE = {
  kind: "attention",
  phrases: ["a “quoted” \u0000 phrase", ""],
  layers: [
    { layer: 9, side: 1, data: new Float32Array([NaN]) },
    { layer: 10, side: 2, data: new Float32Array([0, -0, 1e-45, Infinity]) },
  ],
  none: new Uint8Array(),
  gray: new Uint8ClampedArray([1, 2, 3]),
  bytes: new Uint8Array([255]).buffer,
  nothing: null,
};

Deno.test("decodeParts() restores the input of encodeParts(), views of larger buffers too", () => {
  assertEquals(decodeParts(encodeParts(VALUE).buffer), VALUE);
  const view = new Float32Array([1, 2, 3, 4]).subarray(1, 3);
  assertEquals(decodeParts(encodeParts(view).buffer), new Float32Array([2, 3]));
  for (const plain of [null, 1, "text", [], {}]) {
    assertEquals(decodeParts(encodeParts(plain).buffer), plain);
  }
});

Deno.test("decodeParts() throws a SyntaxError on every cut and every wrong place", () => {
  const whole = encodeParts(VALUE).buffer;
  for (let length = 0; length < whole.byteLength; length++) {
    const isPadding = whole.byteLength - length < 8;
    if (isPadding) continue;
    assertThrows(() => decodeParts(whole.slice(0, length)), SyntaxError, "Cannot read a message");
  }
  for (
    const place of [
      { $part: "ArrayBuffer", start: 0, length: 8 },
      { $part: "ArrayBuffer", start: -8, length: 8 },
      { $part: "ArrayBuffer", start: 0.5, length: 0 },
      { $part: "ArrayBuffer", start: 0 },
      { $part: "constructor", start: 0, length: 0 },
      { $part: "Float32Array", start: 0, length: 3 },
    ]
  ) {
    assertThrows(() => decodeParts(encodeParts(place).buffer), SyntaxError, "Cannot read");
  }
  assertThrows(
    () => decodeParts(new Uint8Array([255, 255, 255, 255]).buffer),
    SyntaxError,
  );
});
