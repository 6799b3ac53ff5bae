import { host } from "../../base/host/host.ts";
import { writeFile } from "../../base/host/files.ts";
import { type Checkpoint, readTensor } from "../checkpoint/mod.ts";
import { encodeModel, type WeightSource } from "../onnx/encode.ts";
import { elementCount, type Graph } from "../onnx/graph.ts";
import { buildTextEncoder } from "../text/text_encoder.ts";
import { buildEncoder, downsampling } from "./autoencoder.ts";
import type { Bundle } from "./bundle.ts";
import { chooseLayers } from "./model.ts";
import { buildUnet } from "./unet.ts";

/** Tensors begin at multiples of this many bytes, so that a runtime can map them. */
const ALIGNMENT = 64;

/**
 * Writes `autoencoder.onnx`, `text_encoder.onnx` and `unet.onnx`, each with its
 * weights as float32 in `….onnx.data` beside it.
 *
 * @param bundle Bundle to write.
 * @param folder Folder of the files; made if it does not exist.
 * @param chosen Cross-attention layers to add to the U-Net's outputs.
 * @returns Paths of the three models.
 * @throws {RangeError} If the model lacks a chosen layer.
 * @throws {Error} If the folder cannot be made.
 */
export async function exportBundle(
  bundle: Bundle,
  folder: string,
  chosen: readonly number[] | "all" = "all",
): Promise<string[]> {
  const { config, text, tokenizer, checkpoints } = bundle;
  const layers = chooseLayers(chosen, bundle.crossAttentionLayers);
  const latentSize = config.imageSize / downsampling(config.autoencoder);
  const tokens = tokenizer.positions;
  const { graph: unet } = buildUnet(config.unet, { latentSize, tokens, layers });
  await host().files.makeFolder(folder).catch((error) => {
    throw new Error(`Cannot write to folder "${folder}": ${error.message}`, { cause: error });
  });
  return [
    await exportGraph(
      buildEncoder(config.autoencoder, config.imageSize),
      checkpoints.autoencoder,
      folder,
    ),
    await exportGraph(buildTextEncoder(text, { tokens }), checkpoints.textEncoder, folder),
    await exportGraph(unet, checkpoints.unet, folder),
  ];
}

async function exportGraph(graph: Graph, checkpoint: Checkpoint, folder: string): Promise<string> {
  const path = `${folder}/${graph.name}.onnx`;
  const location = `${graph.name}.onnx.data`;
  const sources = new Map<string, WeightSource>();
  let end = 0;
  for (const [name, shape] of graph.weights) {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    const length = 4 * elementCount(shape);
    sources.set(name, { kind: "file", type: "float32", location, offset, length });
    end = offset + length;
  }
  using file = await host().files.create(`${folder}/${location}`);
  for (const [name, source] of sources) {
    if (source.kind !== "file") continue;
    await file.seek(source.offset);
    const { buffer } = await readTensor(checkpoint, name);
    await file.write(new Uint8Array(buffer));
  }
  await writeFile(path, encodeModel(graph, sources));
  return path;
}
