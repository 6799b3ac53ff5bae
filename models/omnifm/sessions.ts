import { InputRangeError } from "../../base/errors.ts";
import type { GrayImage } from "../../base/geometry.ts";
import { readRows } from "../checkpoint/mod.ts";
import { loadGraphs } from "../ldm/load_graph.ts";
import { readOutput, takeOutput } from "../runtime/read_values.ts";
import type { OutputTensor, Runtime, Session, Tensor } from "../runtime/runtime.ts";
import type { NextLogits } from "./beam_search.ts";
import type { OmnifmBundle } from "./bundle.ts";
import { CELL, EMBEDDINGS } from "./networks.ts";
import { relativeRows, tokenBucket } from "./positions.ts";
import { preprocess } from "./preprocess.ts";

/** Loaded networks, with their work for an image and an instruction. */
export interface OmnifmSessions {
  /** Embeds an image: `[grid * grid, width]`. */
  embedImage(image: GrayImage): Promise<Float32Array>;
  /**
   * Encodes an image's cells with an instruction, and starts an answer.
   *
   * @param cells Result of `embedImage()`.
   * @param tokens Ids of the instruction, start and end included.
   * @param steps Most tokens of the answer, end included.
   */
  decode(cells: Float32Array, tokens: readonly number[], steps: number): Promise<Decoder>;
  /** Frees the memory of all networks. */
  close(): Promise<void>;
}

/** An answer in progress. */
export interface Decoder {
  /** The encoder's output, `[cells + tokens, width]`. */
  readonly encoded: OutputTensor;
  /** Computes the logits of the next token. */
  readonly next: NextLogits;
  /** Frees the memory of the answer. */
  release(): void;
}

/** The part of a bundle that becomes networks. */
type LoadableModel = Pick<OmnifmBundle, "config" | "graphs" | "checkpoint" | "bytes">;

/** Bytes of weights for 4 GiB of WebAssembly's memory: loading holds a packed copy of weights too. */
const WASM_BYTES = 2 ** 31;

/**
 * Refuses a runtime that cannot hold a model, before anything is loaded.
 *
 * @throws {RangeError} If the weights do not fit.
 */
export function requireMemory({ bytes, checkpoint }: LoadableModel, runtime: Runtime): void {
  if (runtime.name === "native" || bytes <= WASM_BYTES) return;
  const [has, most] = [bytes, WASM_BYTES].map((count) => `${(count / 1e9).toFixed(1)} GB`);
  throw new InputRangeError(
    `Cannot load "${checkpoint.path}" into ${runtime.version}: it has ${has} of weights, and ` +
      `WebAssembly holds ${most}; use --runtime native`,
  );
}

/**
 * Loads the networks of a model.
 *
 * @throws {RangeError} If the runtime cannot hold the model.
 * @throws {Error} If the runtime cannot load a network.
 */
export async function openSessions(
  bundle: LoadableModel,
  runtime: Runtime,
): Promise<OmnifmSessions> {
  requireMemory(bundle, runtime);
  const { config, graphs, checkpoint } = bundle;
  const loadable = [graphs.image, graphs.encoder, graphs.decoder]
    .map((graph) => ({ graph, checkpoint }));
  const sessions = await loadGraphs(loadable, runtime, "float32");
  const [imagePart, encoder, decoder] = sessions as [Session, Session, Session];
  const { decoder: { heads }, width, grid } = config;
  // A graph that picks rows would keep a second copy of the table, the largest weight.
  const embed = async (tokens: readonly number[]): Promise<Tensor> => ({
    data: await readRows(checkpoint, EMBEDDINGS, tokens),
    dims: [tokens.length, width],
  });
  const encoderOutputs = graphs.encoder.outputs.map(({ name }) => name);
  const decoderOutputs = graphs.decoder.outputs.map(({ name }) => name);

  return {
    async embedImage(image) {
      const side = grid * CELL;
      const feeds = { image: { data: preprocess(image, side), dims: [1, 3, side, side] } };
      const { cells } = await imagePart.run(feeds, ["cells"]);
      return await takeOutput(runtime.gpu, cells!);
    },
    async decode(cells, tokens, steps) {
      const source = grid ** 2 + tokens.length;
      const outputs = await encoder.run({
        cells: { data: cells, dims: [grid ** 2, width] },
        words: await embed(tokens),
        text_positions: vector(tokens.map((_, i) => i)),
        relative: { data: relativeRows(config, tokens.length), dims: [source, source] },
        steps: vector(Array.from({ length: steps }, (_, i) => i)),
      }, encoderOutputs);
      const { encoded, self_bias: selfBias, cross_bias: crossBias, ...cross } = outputs;
      const own = await readOutput(runtime.gpu, selfBias!);
      const crossed = await readOutput(runtime.gpu, crossBias!);
      const empty = { data: new Float32Array(), dims: [1, heads, 0, width / heads] };
      let past: Record<string, Tensor> = Object.fromEntries(
        decoderOutputs.filter((name) => name !== "logits").map((name) => [name, empty]),
      );
      let seen = 0;
      let owned: OutputTensor[] = [];
      const forget = () => owned.splice(0).forEach(free);
      return {
        encoded: encoded!,
        async next(tokens, parents) {
          const step = seen++;
          const buckets = Array.from(
            { length: seen },
            (_, key) => tokenBucket(step - key, config.tokenBucket),
          );
          const { logits, ...present } = await decoder.run({
            words: await embed(tokens),
            parent: vector(parents),
            buckets: vector(buckets),
            self_bias: rowOf(own, { heads, rows: steps, length: steps }, step, seen),
            cross_bias: rowOf(crossed, { heads, rows: steps, length: source }, step, source),
            ...cross,
            ...Object.fromEntries(
              Object.entries(past).map(([name, tensor]) => [`past_${name}`, tensor]),
            ),
          }, decoderOutputs);
          forget();
          past = present;
          owned = Object.values(present);
          return await takeOutput(runtime.gpu, logits!);
        },
        release() {
          forget();
          Object.values(outputs).forEach(free);
        },
      };
    },
    async close() {
      for (const session of sessions) await session.release();
    },
  };
}

/** Frees an output at once: the garbage collector would take it some phrases later. */
function free(output: OutputTensor): void {
  output.release();
  if (output.data instanceof Float32Array) (output.data.buffer as ArrayBuffer).transfer(0);
}

/** A vector of integers as an input. */
function vector(values: readonly number[]): Tensor {
  return { data: BigInt64Array.from(values, BigInt), dims: [values.length] };
}

/** The first values of one row of each head, `[heads, 1, count]`. */
function rowOf(
  data: Float32Array,
  { heads, rows, length }: { heads: number; rows: number; length: number },
  row: number,
  count: number,
): Tensor {
  const result = new Float32Array(heads * count);
  for (let head = 0; head < heads; head++) {
    const start = (head * rows + row) * length;
    result.set(data.subarray(start, start + count), head * count);
  }
  return { data: result, dims: [heads, 1, count] };
}
