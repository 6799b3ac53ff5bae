/**
 * Writes a {@linkcode Graph} as an ONNX model. The numbers of fields, types and attributes come
 * from ONNX's `onnx.proto`, release 1.23.
 *
 * @module
 */

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Attribute, ElementType, Graph, Value } from "./graph.ts";

/** Version of ONNX's operators: the first version with Gelu; LayerNormalization is older. */
const OPSET = 20;

/** Version of the file format that goes with {@linkcode OPSET} (ONNX 1.15). */
const IR_VERSION = 9;

/** ONNX's `TensorProto.DataType`. */
const DATA_TYPES: Record<ElementType, number> = {
  float32: 1,
  int64: 7,
  float16: 10,
  bfloat16: 16,
};

/** ONNX's `AttributeProto.AttributeType`. */
const ATTRIBUTE_TYPES = { float: 1, int: 2, text: 3, ints: 7 } as const;

/** ONNX's `TensorProto.DataLocation.EXTERNAL`. */
const EXTERNAL = 1;

/** A field of a protobuf message: its number, and an integer, a float, a text, bytes or a message. */
type Field = readonly [
  number: number,
  content: number | { readonly float: number } | string | Uint8Array | Message,
];

/** Fields in ascending order of their numbers; the fields of a list have the same number. */
type Message = readonly Field[];

/** Source of a weight's elements. */
export type WeightSource =
  | {
    /** The elements stay in a file. */
    readonly kind: "file";
    /** Type of the stored elements; the graph casts other types to float32. */
    readonly type: "float32" | "float16" | "bfloat16";
    /** Name by which the runtime finds the file, or this one range of it. */
    readonly location: string;
    /** First byte. */
    readonly offset: number;
    /** Number of bytes. */
    readonly length: number;
  }
  | {
    /** The elements are written into the model. */
    readonly kind: "inline";
    /** Row-major elements. */
    readonly data: Float32Array;
  };

/**
 * Serialises a graph.
 *
 * @param graph Graph to write.
 * @param sources Source of each weight of the graph by name.
 * @returns The bytes of an `.onnx` file.
 * @throws {Error} If a weight of the graph has no source.
 */
export function encodeModel(graph: Graph, sources: ReadonlyMap<string, WeightSource>): Uint8Array {
  const initializers: Message[] = [];
  const casts: Message[] = [];
  for (const [name, dims] of graph.weights) {
    const source = sources.get(name);
    if (!source) {
      throw new Error(`Cannot write graph "${graph.name}": weight "${name}" has no source`);
    }
    // Weights in half precision stay so in the file, and a Cast in the graph widens them.
    const stored = source.kind === "file" && source.type !== "float32" ? `${name}.stored` : name;
    initializers.push(weightMessage(stored, dims, source));
    if (stored !== name) {
      const to = { to: { int: DATA_TYPES.float32 } };
      casts.push(nodeMessage(`Cast_${name}`, "Cast", [stored], [name], to));
    }
  }
  for (const { name, dims, type, data } of graph.constants) {
    initializers.push(tensorMessage(name, dims.map(Number), type, [[9, bytesOf(data)]]));
  }
  const nodes = graph.nodes.map(({ op, inputs, outputs, attributes }, i) =>
    nodeMessage(`${op}_${i}`, op, inputs, outputs, attributes)
  );
  const writer = new BinaryWriter();
  write(writer, [
    [1, IR_VERSION],
    [2, "groundray"],
    [7, [
      ...list(1, [...casts, ...nodes]),
      [2, graph.name],
      ...list(5, initializers),
      ...list(11, graph.inputs.map(valueMessage)),
      ...list(12, graph.outputs.map(valueMessage)),
    ]],
    [8, [[1, ""], [2, OPSET]]],
  ]);
  return writer.finish();
}

function write(writer: BinaryWriter, message: Message): void {
  for (const [number, content] of message) {
    if (typeof content === "number") writer.tag(number, WireType.Varint).int64(content);
    else if (typeof content === "object" && "float" in content) {
      writer.tag(number, WireType.Bit32).float(content.float);
    } else {
      writer.tag(number, WireType.LengthDelimited);
      if (typeof content === "string") writer.string(content);
      else if (content instanceof Uint8Array) writer.bytes(content);
      else {
        writer.fork();
        write(writer, content);
        writer.join();
      }
    }
  }
}

/** Returns one field for each entry. */
function list(number: number, entries: readonly Field[1][]): Field[] {
  return entries.map((entry) => [number, entry]);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function weightMessage(name: string, dims: readonly number[], source: WeightSource): Message {
  if (source.kind === "inline") {
    return tensorMessage(name, dims, "float32", [[9, bytesOf(source.data)]]);
  }
  const { type, location, offset, length } = source;
  const place = Object.entries({ location, offset, length }).map(([key, value]): Message => [
    [1, key],
    [2, String(value)],
  ]);
  return tensorMessage(name, dims, type, [...list(13, place), [14, EXTERNAL]]);
}

function tensorMessage(
  name: string,
  dims: readonly number[],
  type: ElementType,
  elements: Message,
): Message {
  return [...list(1, dims), [2, DATA_TYPES[type]], [8, name], ...elements];
}

function nodeMessage(
  name: string,
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>>,
): Message {
  const all = Object.entries(attributes).map(([name, value]) => attributeMessage(name, value));
  return [...list(1, inputs), ...list(2, outputs), [3, name], [4, op], ...list(5, all)];
}

function attributeMessage(name: string, value: Attribute): Message {
  if ("int" in value) return [[1, name], [3, value.int], [20, ATTRIBUTE_TYPES.int]];
  if ("text" in value) return [[1, name], [4, value.text], [20, ATTRIBUTE_TYPES.text]];
  if ("ints" in value) return [[1, name], ...list(8, value.ints), [20, ATTRIBUTE_TYPES.ints]];
  return [[1, name], [2, { float: value.float }], [20, ATTRIBUTE_TYPES.float]];
}

function valueMessage({ name, type, dims }: Value): Message {
  const shape = list(1, dims.map((size): Message => [[typeof size === "number" ? 1 : 2, size]]));
  return [[1, name], [2, [[1, [[1, DATA_TYPES[type]], [2, shape]]]]]];
}
