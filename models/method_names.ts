/**
 * The methods that phrases are grounded by.
 *
 * @module
 */

/** The methods by their names in options and results, with what tables call them. */
export const METHODS = {
  /** The latent diffusion model, which the paper is about. */
  "ldm": "Ours (ldm)",
  /** Boecking et al., ECCV 2022. */
  "biovil": "BioViL",
  /** Bannur et al., CVPR 2023. */
  "biovil-t": "BioViL-T",
  /** Boxes that someone predicted, from a file. */
  "boxes": "Predicted boxes",
} as const;

/** Name of a method. */
export type MethodName = keyof typeof METHODS;
