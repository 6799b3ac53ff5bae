import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { openCheckpoint, readTensor } from "./checkpoint/mod.ts";
import { readJson } from "./model_files.ts";
import { Scheduler } from "./scheduler.ts";
import { readSchedulerConfig } from "./scheduler_config.ts";

const REFERENCE = new URL("../../shared/reference/diffusers/", import.meta.url).pathname;

const read = (json: unknown) => readSchedulerConfig(json, '"scheduler_config.json"');

for (const name of ["a-sd1", "b-sd2", "c-radedit"]) {
  Deno.test(`readSchedulerConfig() gives the shares of signal and the timesteps of ${name}`, async () => {
    const folder = `${REFERENCE}${name}`;
    const config = read(await readJson(`${folder}/model/scheduler/scheduler_config.json`));
    const expected = await readJson(`${folder}/expected.json`) as Record<string, unknown>;
    assertEquals(config.predictionType, expected.prediction_type);
    const scheduler = new Scheduler(config);
    const alphas = await readTensor(
      await openCheckpoint(`${folder}/expected.safetensors`),
      "alphas_cumprod",
    );
    alphas.forEach((alpha, i) => assert(Math.abs(scheduler.alphas[37 * i]! - alpha) < 1e-7));
    const { steps, timesteps } = expected.vilouras as { steps: number; timesteps: number[] };
    assertEquals(scheduler.timesteps(steps), timesteps);
    const sampling = expected.g2g as { steps: number; timesteps: number[] };
    assertEquals(scheduler.samplingTimesteps(sampling.steps), sampling.timesteps);
  });
}

Deno.test("readSchedulerConfig() has the defaults of DDIMScheduler", () => {
  assertEquals(read({ _class_name: "PNDMScheduler", skip_prk_steps: true }), {
    ...{ trainTimesteps: 1000, betaStart: 0.0001, betaEnd: 0.02, schedule: "linear_beta" },
    ...{ predictionType: "epsilon", spacing: "leading", endsClean: true },
  });
});

// alphas_cumprod of DDIMScheduler in diffusers 0.42.1.
const SCHEDULES: readonly [string, object, Record<number, number>][] = [
  [
    "a squared cosine",
    { beta_schedule: "squaredcos_cap_v2" },
    { 0: 0.9999586939811707, 500: 0.4922850430011749, 999: 2.4287349909002387e-09 },
  ],
  [
    "an end in noise",
    {
      ...{ beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 },
      ...{ rescale_betas_zero_snr: true, prediction_type: "v_prediction" },
    },
    { 1: 0.9982334971427917, 500: 0.2410186380147934, 998: 1.9679633567193378e-07, 999: 0 },
  ],
  [
    "betas of its own",
    { trained_betas: Array.from({ length: 1000 }, (_, i) => 0.001 + 0.0000123 * i) },
    { 0: 0.9990000128746033, 500: 0.1291804164648056, 999: 0.0007648090249858797 },
  ],
];
for (const [name, json, expected] of SCHEDULES) {
  Deno.test(`readSchedulerConfig() reads ${name}`, () => {
    const { alphas } = new Scheduler(read(json));
    for (const [t, alpha] of Object.entries(expected)) {
      assert(Math.abs(alphas[Number(t)]! - alpha) <= 1e-6 * alpha, t);
    }
  });
}

Deno.test("readSchedulerConfig() refuses a schedule that it cannot follow, by name", () => {
  const cases: [object, string][] = [
    [
      { _class_name: "FlowMatchEulerDiscreteScheduler" },
      '"FlowMatchEulerDiscreteScheduler" is not',
    ],
    [{ beta_schedule: "sigmoid" }, '"beta_schedule" must be "scaled_linear" or "linear" or'],
    [{ prediction_type: "flow_prediction" }, '"prediction_type" must be "epsilon" or'],
    [{ timestep_spacing: "log" }, '"timestep_spacing" must be'],
    [{ trained_betas: [0.1, 0.2] }, '"trained_betas" must be a list of 1000 numbers'],
    [{ beta_end: 1 }, '"beta_end" must be a number between 0 and 1'],
    [{ thresholding: true }, '"thresholding" must be false'],
    [{ rescale_betas_zero_snr: true }, '"rescale_betas_zero_snr" needs "prediction_type"'],
  ];
  for (const [json, message] of cases) assertThrows(() => read(json), SyntaxError, message);
});
