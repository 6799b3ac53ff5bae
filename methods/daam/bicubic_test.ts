import { assert, assertEquals } from "@std/assert";
import { furthest } from "../../tests/support/gpu.ts";
import { resizeBicubic } from "./bicubic.ts";

/** A map of 3 x 3, and `interpolate(size=(5, 5), mode="bicubic")` of it in PyTorch 2.15. */
const MAP = [0, 1, 0, 0, 5, 2, 1, 0, 3];
const ENLARGED = Float32Array.of(
  ...[-0.059136, 0.297184, 0.616, 0.165856, -0.269568],
  ...[-0.358464, 1.244768, 2.912, 1.775552, 0.492033],
  ...[-0.48, 2.156001, 5.0, 3.523999, 1.712],
  ...[0.456864, 1.200992, 2.227999, 2.667488, 2.806688],
  ...[1.247296, 0.22704, -0.48, 1.595041, 3.439297],
);

Deno.test("resizeBicubic() equals PyTorch's interpolate, overshoot included", () => {
  const off = furthest(resizeBicubic(MAP, 3, 5), ENLARGED);
  assert(off <= 2e-6, `${off}`);
  assertEquals([...resizeBicubic(MAP, 3, 3)], MAP);
});
