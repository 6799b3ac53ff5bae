import { assert, assertEquals, assertThrows } from "@std/assert";
import { mixValues } from "../shaders/mix_cpu.ts";
import { defaultWindow, Scheduler } from "./scheduler.ts";

const PUBLISHED = {
  trainTimesteps: 1000,
  betaStart: 0.0015,
  betaEnd: 0.0205,
  schedule: "scaled_linear_beta",
  predictionType: "v_prediction",
} as const;

Deno.test("Scheduler.timesteps() spaces T = 300 to 334 timesteps", () => {
  const timesteps = new Scheduler(PUBLISHED).timesteps(300);
  assertEquals(timesteps.length, 334);
  assertEquals([...timesteps.slice(0, 3), timesteps[120], timesteps.at(-1)], [0, 3, 6, 360, 999]);
  assertEquals(new Scheduler(PUBLISHED).timesteps(7).length, 8);
  assertEquals(new Scheduler(PUBLISHED).timesteps(1), [999]);
});

Deno.test("Scheduler.timesteps() refuses a number of steps beyond 1 to 1000", () => {
  for (const steps of [0, -1, 1.5, 1001, NaN]) {
    assertThrows(() => new Scheduler(PUBLISHED).timesteps(steps), RangeError, "1 to 1000");
  }
});

Deno.test("Scheduler.samplingTimesteps() spaces timesteps as diffusers does", () => {
  const sampling = (spacing: "leading" | "trailing" | "linspace", steps: number) =>
    new Scheduler({ ...PUBLISHED, spacing }).samplingTimesteps(steps);
  assertEquals(sampling("leading", 50).slice(0, 2), [981, 961]);
  assertEquals(sampling("leading", 7), [853, 711, 569, 427, 285, 143, 1]);
  assertEquals(sampling("trailing", 7), [999, 856, 713, 570, 428, 285, 142]);
  assertEquals(sampling("trailing", 16).slice(0, 4), [999, 937, 874, 811]);
  assertEquals(sampling("linspace", 7), [999, 832, 666, 500, 333, 166, 0]);
  assertEquals(sampling("linspace", 1), [0]);
  assertThrows(() => sampling("leading", 1000), RangeError, "from 1 to 999");
});

Deno.test("Scheduler.stepFactors() end at the clean latent, or at the first timestep", () => {
  const config = { ...PUBLISHED, predictionType: "epsilon" } as const;
  const scheduler = new Scheduler(config);
  const signal = Math.sqrt(scheduler.alphas[1]!);
  assertEquals(scheduler.stepFactors(1, -19)[0], 1 / signal);
  const other = new Scheduler({ ...config, endsClean: false });
  assertEquals(other.stepFactors(1, -19), scheduler.stepFactors(1, 0));
});

Deno.test("Scheduler.alphas agree with PyTorch's cumprod", () => {
  const { alphas } = new Scheduler(PUBLISHED);
  assertEquals(alphas.length, 1000);
  // torch.cumprod(1 - torch.linspace(0.0015 ** 0.5, 0.0205 ** 0.5, 1000) ** 2, 0), PyTorch 2.15
  const expected: [number, number][] = [
    [0, 0.9984999895],
    [1, 0.9969941378],
    [360, 0.2891300023],
    [499, 0.1085760295],
    [500, 0.1076767892],
    [537, 0.07807981968],
    [998, 9.893913375e-05],
    [999, 9.691088053e-05],
  ];
  for (const [t, alpha] of expected) assert(Math.abs(alphas[t]! - alpha) < 2e-7, `${t}`);
});

Deno.test("Scheduler.stepFactors() lead from each timestep to another, for each kind of prediction", () => {
  for (const predictionType of ["v_prediction", "epsilon", "sample"] as const) {
    const scheduler = new Scheduler({ ...PUBLISHED, predictionType });
    const clean = Float32Array.of(0.3, -1, 2);
    const noise = Float32Array.of(1, 0.5, -0.7);
    const at = (t: number) =>
      clean.map((x, i) =>
        Math.sqrt(scheduler.alphas[t]!) * x + Math.sqrt(1 - scheduler.alphas[t]!) * noise[i]!
      );
    const predict = (t: number) => {
      const [signal, sigma] = [
        Math.sqrt(scheduler.alphas[t]!),
        Math.sqrt(1 - scheduler.alphas[t]!),
      ];
      if (predictionType === "sample") return clean;
      if (predictionType === "epsilon") return noise;
      return clean.map((x, i) => signal * noise[i]! - sigma * x);
    };
    for (const [from, to] of [[100, 400], [400, 100]] as const) {
      const moved = mixValues(scheduler.stepFactors(from, to), at(from), predict(from));
      moved.forEach((value, i) => assert(Math.abs(value - at(to)[i]!) < 1e-5, predictionType));
    }
    const pure = mixValues(scheduler.stepFactors(999, 1002), at(999), predict(999));
    pure.forEach((value, i) => assert(Math.abs(value - noise[i]!) < 1e-5));
  }
});

Deno.test("defaultWindow() is the middle fifth", () => {
  assertEquals(defaultWindow(300), { start: 120, end: 180 });
  assertEquals(defaultWindow(20), { start: 8, end: 12 });
  assertEquals(defaultWindow(15), { start: 6, end: 8 });
});
