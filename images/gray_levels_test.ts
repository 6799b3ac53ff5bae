import { assertEquals } from "@std/assert";
import { grayLevels, type ValueFormat, type Window } from "./gray_levels.ts";

const levels = (values: number[], format: Partial<ValueFormat>) => [
  ...grayLevels(Uint16Array.from(values), { bits: 12, ...format }).data,
];

Deno.test("grayLevels() spreads the values that occur, as MIMIC-CXR-JPG", () => {
  // Expected: (x - 1000) / 510 * 255, rounded down.
  assertEquals(levels([1000, 1001, 1003, 1255, 1510], {}), [0, 0, 1, 127, 255]);
  assertEquals(levels([7, 7], {}), [0, 0]);
  assertEquals(levels([], {}), []);
});

Deno.test("grayLevels() reads signed values, and only their own bits", () => {
  assertEquals(levels([0x800, 0, 0x7ff], { isSigned: true }), [0, 127, 255]);
  assertEquals(levels([0xf000, 0xffff], {}), [0, 255]);
  assertEquals(levels([0x0ff0, 0x100f], { bits: 8, shift: 4 }), [255, 0]);
});

Deno.test("grayLevels() rescales before it spreads, windows and inverts", () => {
  assertEquals(levels([0, 100, 255], { slope: -2, intercept: 9 }), [255, 155, 0]);
  assertEquals(levels([0, 100, 255], { isInverted: true }), [255, 155, 0]);
  const window: Window = { center: 128, width: 256, shape: "LINEAR" };
  assertEquals(levels([0, 300, 4095], { slope: 0.5, intercept: -50, window }), [0, 100, 255]);
});

Deno.test("grayLevels() follows the formula of each window", () => {
  const stored = [0, 1024, 2047, 2048, 2049, 3072, 4095];
  const at = (window: Window) => levels(stored, { window });
  const [center, width] = [2048, 2048];
  // Expected, clipped to 0..255:
  // 255 * ((x - 2047.5) / 2047 + 0.5), 255 * ((x - 2048) / 2048 + 0.5), 255 / (1 + exp(…)).
  assertEquals(at({ center, width, shape: "LINEAR" }), [0, 0, 127, 128, 128, 255, 255]);
  assertEquals(at({ center, width, shape: "LINEAR_EXACT" }), [0, 0, 127, 128, 128, 255, 255]);
  assertEquals(at({ center, width, shape: "SIGMOID" }), [5, 30, 127, 128, 128, 225, 250]);
  assertEquals(at({ center, width: 1, shape: "LINEAR" }), [0, 0, 0, 255, 255, 255, 255]);
});

Deno.test("grayLevels() leaves padding out of the spread range", () => {
  assertEquals(levels([4095, 100, 355], { padding: 4095 }), [255, 0, 255]);
  assertEquals(levels([0x800, 100, 355], { padding: 0xf800, isSigned: true }), [0, 0, 255]);
  assertEquals(levels([5, 5], { padding: 5 }), [0, 0]);
});
