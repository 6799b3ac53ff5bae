import "../base/host/deno/mod.ts";
import { assertRejects } from "@std/assert";
import { openMethod } from "./open_method.ts";

Deno.test("openMethod() refuses values that are not of an option's type, range or choices", async () => {
  const cases: [values: Record<string, unknown>, message: string][] = [
    [{ weights: "float8" }, 'with weights "float8": expected float32, float16'],
    [{ steps: 0 }, 'with steps "0": expected a whole number from 1'],
    [{ steps: 1.5 }, 'with steps "1.5": expected a whole number from 1'],
    [{ sigma: NaN }, 'with sigma "NaN": expected a number from 0 to 32'],
    [{ otsu: "yes" }, 'with otsu "yes": expected true or false'],
    [{ layers: [1] }, 'with layers "1": expected a string'],
    [{ setting: "a" }, 'with setting "a": expected a list of strings'],
    [{ noise: undefined, tokens: null }, 'with tokens "null": expected phrase, ends, content'],
    [{ nosie: "sample" }, 'with option "nosie": expected some of'],
  ];
  for (const [values, message] of cases) {
    await assertRejects(() => openMethod("ldm", { values }), RangeError, message);
  }
  await assertRejects(
    () => openMethod("boxes", { source: "none.csv", values: { "box-rule": "any" } }),
    RangeError,
    'with box-rule "any": expected union, max',
  );
});
