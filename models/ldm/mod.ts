/**
 * Latent diffusion models: reading their files and running their networks.
 *
 * @module
 */

export * from "./bundle.ts";
export * from "./export.ts";
export { DEFAULT_LAYERS, type LdmModel, openModel, type OpenModelOptions } from "./model.ts";
export type { Networks } from "./networks.ts";
export type { AttentionMaps, Conditioning, UnetSession } from "./unet_session.ts";
export type { AutoencoderConfig } from "./autoencoder.ts";
export type { ClipTextConfig } from "./clip_text.ts";
export type { LdmConfig, TextEncoderLayout } from "./config.ts";
export type { UnetConfig } from "./unet_config.ts";
export { WEIGHT_TYPES, type WeightType } from "./weights.ts";
