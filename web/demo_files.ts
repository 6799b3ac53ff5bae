/** Paths of the bundled model's files below `models/demo/`, for pages that fetch the files. */
export const DEMO_FILES = [
  "config.json",
  "autoencoder.safetensors",
  "diffusion_model.safetensors",
  "text_encoder/config.json",
  "text_encoder/model.safetensors",
  "tokenizer/merges.txt",
  "tokenizer/tokenizer_config.json",
  "tokenizer/vocab.json",
] as const;
