/**
 * The architecture of the published model, for benchmarks at full size. The model is the MONAI
 * bundle `cxr_image_synthesis_latent_diffusion_model` with Stable Diffusion 2.1's text encoder
 * (docs/method.md, section 1).
 *
 * @module
 */

/** `config.json` of the published model in our flat layout. */
export const PUBLISHED_CONFIG = {
  image_size: 512,
  scale_factor: 0.3,
  autoencoder: {
    in_channels: 1,
    latent_channels: 3,
    num_channels: [64, 128, 128, 128],
    num_res_blocks: 2,
    attention_levels: [false, false, false, false],
    with_encoder_nonlocal_attn: false,
    norm_num_groups: 32,
    norm_eps: 1e-6,
  },
  diffusion_model: {
    in_channels: 3,
    out_channels: 3,
    num_channels: [256, 512, 768],
    num_res_blocks: 2,
    attention_levels: [false, true, true],
    num_head_channels: [0, 512, 768],
    with_conditioning: true,
    transformer_num_layers: 1,
    cross_attention_dim: 1024,
    norm_num_groups: 32,
    norm_eps: 1e-6,
  },
  scheduler: {
    num_train_timesteps: 1000,
    beta_start: 0.0015,
    beta_end: 0.0205,
    schedule: "scaled_linear_beta",
    prediction_type: "v_prediction",
  },
} as const;

/** The published model's `text_encoder/config.json`: OpenCLIP's ViT-H without its last layer. */
export const PUBLISHED_TEXT = {
  model_type: "clip_text_model",
  vocab_size: 49408,
  hidden_size: 1024,
  num_attention_heads: 16,
  num_hidden_layers: 23,
  intermediate_size: 4096,
  hidden_act: "gelu",
  max_position_embeddings: 77,
  layer_norm_eps: 1e-5,
} as const;

/** Number of token positions of the published text encoder. */
export const PUBLISHED_TOKENS = PUBLISHED_TEXT.max_position_embeddings;
