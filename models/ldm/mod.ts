/**
 * Latent diffusion models: their files, and running them.
 *
 * @module
 */

export * from "./bundle.ts";
export * from "./export.ts";
export { DEFAULT_LAYERS, type LdmModel, openModel, type OpenModelOptions } from "./model.ts";
export type { AttentionMaps, UnetSession } from "./unet_session.ts";
export type { LdmConfig } from "./config.ts";
