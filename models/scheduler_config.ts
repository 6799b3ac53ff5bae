import { quote } from "../base/text.ts";
import { Fields } from "./json_fields.ts";
import { Scheduler, type SchedulerConfig, SPACINGS } from "./scheduler.ts";

/** Names of schedules in diffusers, and in this project. */
const SCHEDULES = {
  scaled_linear: "scaled_linear_beta",
  linear: "linear_beta",
  squaredcos_cap_v2: "squaredcos_cap_v2",
} as const;

/**
 * Classes of diffusers with a schedule of betas. They differ in their sampling, which grounding does
 * not use. Classes of flow matching, and classes with sigmas alone, have no such schedule.
 */
const WITH_BETAS =
  /^(DDIM|DDIMInverse|DDIMParallel|DDPM|DDPMParallel|PNDM|LCM|TCD|LMSDiscrete|EulerDiscrete|EulerAncestralDiscrete|HeunDiscrete|KDPM2Discrete|KDPM2AncestralDiscrete|DPMSolverMultistep|DPMSolverMultistepInverse|DPMSolverSinglestep|DPMSolverSDE|DEISMultistep|UniPCMultistep|SASolver)Scheduler$/;

function isBeta(value: unknown): boolean {
  return typeof value === "number" && value > 0 && value < 1;
}

/** Reads a variance that a timestep adds. */
export function readBeta(fields: Fields, key: string, fallback?: number): number {
  const value = fields.number(key, fallback);
  return isBeta(value) ? value : fields.fail(key, "a number between 0 and 1");
}

/**
 * Reads a `scheduler_config.json`. Missing fields have the defaults of diffusers' `DDIMScheduler`,
 * whichever class the file names. Fields that decide only the sampling of other classes are ignored.
 *
 * @param where The file in words, for messages.
 * @throws {SyntaxError} If a field is invalid, or the class has no schedule of betas.
 */
export function readSchedulerConfig(json: unknown, where: string): SchedulerConfig {
  const fields = new Fields(json, where);
  if (fields.has("_class_name") && !WITH_BETAS.test(fields.text("_class_name"))) {
    throw fields.error(
      `the scheduler ${quote(fields.text("_class_name"))} is not supported; expected a scheduler ` +
        "with betas, such as DDIMScheduler",
    );
  }
  for (const key of ["thresholding", "use_flow_sigmas"]) {
    if (fields.flag(key, false)) fields.fail(key, "false");
  }
  const trainTimesteps = fields.count("num_train_timesteps", 1000, { min: 2 });
  const expected = `a list of ${trainTimesteps} numbers between 0 and 1`;
  const trainedBetas = fields.has("trained_betas")
    ? fields.list("trained_betas", isBeta, expected)
    : undefined;
  if (trainedBetas && trainedBetas.length !== trainTimesteps) {
    fields.fail("trained_betas", expected);
  }
  const names = Object.keys(SCHEDULES) as (keyof typeof SCHEDULES)[];
  const predictionType = fields.choice(
    "prediction_type",
    ["epsilon", "v_prediction", "sample"],
    "epsilon",
  );
  const zeroSnr = fields.flag("rescale_betas_zero_snr", false);
  if (zeroSnr && predictionType === "epsilon") {
    throw fields.error(
      '"rescale_betas_zero_snr" needs "prediction_type" v_prediction or sample, as the last ' +
        "timestep keeps nothing of the latent",
    );
  }
  const config: SchedulerConfig = {
    trainTimesteps,
    betaStart: readBeta(fields, "beta_start", 0.0001),
    betaEnd: readBeta(fields, "beta_end", 0.02),
    schedule: SCHEDULES[fields.choice("beta_schedule", names, "linear")],
    predictionType,
    ...(trainedBetas && { trainedBetas }),
    ...(zeroSnr && { zeroSnr }),
    spacing: fields.choice("timestep_spacing", SPACINGS, "leading"),
    endsClean: fields.flag("set_alpha_to_one", true),
  };
  if (!new Scheduler(config).alphas.every((share) => share >= 0 && share <= 1)) {
    throw fields.error('its betas cannot end in pure noise, as "rescale_betas_zero_snr" wants');
  }
  return config;
}
