import { assertEquals } from "@std/assert";
import { loadBundle, openModel, openRuntime } from "../../mod.ts";
import type { Bundle } from "../../models/ldm/bundle.ts";
import { expectTime, measurePasses } from "./expectation.ts";

const TIMES = { whole: 1.5, phrase: 0.75 };

/** A bundle with the published noise schedule. */
const PUBLISHED = {
  config: {
    scheduler: {
      ...{ trainTimesteps: 1000, betaStart: 0.0015, betaEnd: 0.0205 },
      ...{ schedule: "scaled_linear_beta", predictionType: "v_prediction" },
    },
  },
} as unknown as Bundle;

Deno.test("expectTime() counts the passes of a run, and names settings that take fewer", () => {
  const model = { bundle: PUBLISHED, layers: [3, 4, 6, 7] };
  // docs/method.md, section 5: 179 whole passes for an image, 60 cut passes for each phrase.
  const { seconds, pass, faster } = expectTime(model, {}, TIMES, 1, 2);
  assertEquals([seconds, pass], [179 * 1.5 + 2 * 60 * 0.75, 1.5]);
  assertEquals(faster.map(({ options }) => options), [
    ...["--steps 50", "--noise sample", "--noise sample --steps 50"],
  ]);
  assertEquals(faster[1]!.seconds, 2 * 60 * 0.75);
  assertEquals(expectTime(model, {}, TIMES, 3, 2).seconds, seconds + 2 * 179 * 1.5);

  const names = (settings: Parameters<typeof expectTime>[1]) =>
    expectTime(model, settings, TIMES, 1, 1).faster.map(({ options }) => options);
  assertEquals(names({ select: { kind: "indices", start: 120, end: 180 } }), ["--noise sample"]);
  assertEquals(names({ noise: "sample" }), ["--steps 50", "--noise sample --steps 50"]);
  assertEquals(names({ noise: "sample", steps: 50 }), []);
  const sample = expectTime(model, { noise: "sample" }, { ...TIMES, whole: 0 }, 1, 1);
  assertEquals([sample.seconds, sample.pass], [60 * 0.75, 0.75]);
});

Deno.test("measurePasses() runs one pass of each kind that a run has", async () => {
  const model = await openModel(await loadBundle("models/demo"), await openRuntime("native"));
  try {
    let clock = 0;
    const measure = (hasWhole: boolean) => measurePasses(model, hasWhole, () => clock += 250);
    assertEquals(await measure(true), { whole: 0.25, phrase: 0.25 });
    assertEquals(await measure(false), { whole: 0, phrase: 0.25 });
  } finally {
    await model.close();
  }
});
