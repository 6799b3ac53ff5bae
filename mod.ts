/**
 * Zero-shot phrase grounding in chest X-rays: where in the image does a phrase of the report apply?
 * The answer comes from the cross-attention of a frozen latent diffusion model (Vilouras et al.,
 * "Zero-Shot Medical Phrase Grounding with Off-the-shelf Diffusion Models"). Research software, not
 * for clinical use.
 *
 * @example Ground a phrase
 * ```ts
 * import { drawPhantom, groundImage, loadBundle } from "./mod.ts";
 *
 * const bundle = await loadBundle("models/demo");
 * const xray = drawPhantom({ seed: 1 }); // or the path of a PNG, JPEG or DICOM file
 * const [result] = await groundImage(xray, ["left pleural effusion"], { bundle });
 * console.log(result!.originalBox); // [x, y, width, height] of the mask in the X-ray
 * ```
 *
 * @module
 */

import "./base/host/deno/mod.ts";

export * from "./core.ts";
export * from "./datasets/mod.ts";
export * from "./reports/mod.ts";
