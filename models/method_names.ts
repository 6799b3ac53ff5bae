/**
 * The methods that ground phrases.
 *
 * @module
 */

/** Methods by their names in options and results; each value is the name in tables. */
export const METHODS = {
  /** The paper's latent diffusion model. */
  "ldm": "Ours (ldm)",
  /** Boecking et al., ECCV 2022. */
  "biovil": "BioViL",
  /** Bannur et al., CVPR 2023. */
  "biovil-t": "BioViL-T",
  /** Boxes from a file of predictions. */
  "boxes": "Predicted boxes",
} as const;

/** Name of a method in options and results. */
export type MethodName = keyof typeof METHODS;
