import { assertEquals, assertThrows } from "@std/assert";
import { middleLayers, readAutoencoderConfig, readUnetConfig, requirePipeline } from "./config.ts";

Deno.test("readUnetConfig() takes Stable Diffusion's defaults for absent fields and null", () => {
  const absent = { sample_size: 64, act_fn: null, only_cross_attention: [false, false] };
  const { config, latentSize } = readUnetConfig(absent, "it");
  assertEquals(latentSize, 64);
  assertEquals(config.channels, [320, 640, 1280, 1280]);
  assertEquals(config.headChannels, [40, 80, 160, 160]);
  assertEquals(config.attentionLevels, [true, true, true, false]);
  assertEquals(config.upAttentionLevels, [true, true, true, false]);
  assertEquals([config.contextChannels, config.epsilon, config.middle], [1280, 1e-5, true]);
  const other = { sample_size: [96, 96], mid_block_type: null, decay: 0.99, freq_shift: 1 };
  const read = readUnetConfig(other, "it");
  assertEquals([read.latentSize, read.config.middle], [96, false]);
  assertEquals(read.config.sinusoids, { sineFirst: false, shift: 1 });
});

Deno.test("readUnetConfig() corrects a latent that files before diffusers 0.9 state too small", () => {
  const sizeOf = (version: string) =>
    readUnetConfig({ sample_size: 32, _diffusers_version: version }, "it").latentSize;
  assertEquals(["0.8.1", "0.9.0", "0.30.0"].map(sizeOf), [64, 32, 32]);
});

Deno.test("readUnetConfig() refuses by name what the graph lacks", () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ addition_embed_type: "text_time" }, '"addition_embed_type" is "text_time", which is not'],
    [{ in_channels: 9 }, '"in_channels" is 9 and "out_channels" 4, which is not supported'],
    [{ down_block_types: Array(4).fill("AttnDownBlock2D") }, '"down_block_types" has "AttnDown'],
    [{ mid_block_type: "UNetMidBlock2D" }, '"mid_block_type" must be "UNetMidBlock2DCrossAttn"'],
    [{ attention_head_dim: 7 }, '"attention_head_dim" is the number of heads, 7, into which'],
    [{ cross_attention_dim: [8, 8, 8, 9] }, '"cross_attention_dim" must be the same for all'],
    [{ transformer_layers_per_block: [[1], [1], [1], [1]] }, '"transformer_layers_per_block"'],
    [{ only_cross_attention: [true, false] }, '"only_cross_attention" is [true,false]'],
    [{ num_attention_heads: 8 }, '"num_attention_heads" is 8, which is not supported'],
    [{ layers_per_block: 0 }, '"layers_per_block" must be in its range, or a list of 4, got 0'],
    [{ sample_size: null }, '"sample_size" must be a number'],
    [{ sample_size: [64, 48] }, '"sample_size" must be a side, or two equal sides'],
    [{ freq_shift: 160 }, '"freq_shift" must be less than half of the first channels'],
    [{ _class_name: "UNet2DModel" }, '"_class_name" must be "UNet2DConditionModel"'],
  ];
  for (const [change, message] of cases) {
    const json = { sample_size: 64, ...change };
    assertThrows(() => readUnetConfig(json, '"unet/config.json"'), SyntaxError, message);
  }
});

Deno.test("requirePipeline() refuses several text encoders, and takes entries without a class", () => {
  const absent = [null, null];
  const one = { unet: ["diffusers", "UNet2DConditionModel"], safety_checker: absent };
  requirePipeline({ ...one, text_encoder_2: absent, text_encoder_3: null }, "it");
  const clip = ["transformers", "CLIPTextModelWithProjection"];
  assertThrows(
    () => requirePipeline({ ...one, text_encoder_2: clip }, "it"),
    SyntaxError,
    '"text_encoder_2" is ["transformers","CLIPTextModelWithProjection"], which is not supported; expected null',
  );
  assertThrows(() => requirePipeline([], "it"), SyntaxError, "Cannot read it: expected an object");
});

Deno.test("readAutoencoderConfig() reads old and new files, and refuses by name", () => {
  const types = Array(2).fill("DownEncoderBlock2D");
  const plain = { block_out_channels: [32, 64], down_block_types: types };
  const { config, scaleFactor } = readAutoencoderConfig(plain, "it");
  assertEquals([config.latentChannels, config.epsilon, scaleFactor], [4, 1e-6, 0.18215]);
  assertEquals(
    readAutoencoderConfig({ ...plain, scaling_factor: 0.13025 }, "it").scaleFactor,
    0.13025,
  );
  const cases: [Record<string, unknown>, string][] = [
    [{ scaling_factor: 0 }, '"scaling_factor" must be a number above 0, got 0'],
    [{ shift_factor: 0.1 }, '"shift_factor" is 0.1, which is not supported; expected null'],
    [{ in_channels: 4 }, '"in_channels" must be 1 or 3, got 4'],
    [{ down_block_types: [types[0], "AttnDownEncoderBlock2D"] }, '"AttnDownEncoderBlock2D"'],
    [{ _class_name: "VQModel" }, '"_class_name" must be "AutoencoderKL"'],
  ];
  for (const [change, message] of cases) {
    assertThrows(() => readAutoencoderConfig({ ...plain, ...change }, "it"), SyntaxError, message);
  }
});

Deno.test("middleLayers() takes the second coarsest size", () => {
  const sides = [64, 64, 32, 32, 16, 16, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
  assertEquals(middleLayers(sides), [4, 5, 7, 8, 9]);
  assertEquals(middleLayers([16, 16]), [0, 1]);
});
