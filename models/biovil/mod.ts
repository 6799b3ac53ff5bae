/**
 * BioViL and BioViL-T (Boecking et al. 2022, Bannur et al. 2023) from their published files.
 *
 * @module
 */

export { type Biovil, openBiovil, type OpenBiovilOptions } from "./biovil.ts";
export type { BiovilVariant } from "./bundle.ts";
