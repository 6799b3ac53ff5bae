/**
 * Writes a {@linkcode Graph} as an ONNX model. `protoc-gen-es` generated `onnx_pb.ts` from
 * `onnx.proto`, which holds only the messages of ONNX's own file that this module writes.
 *
 * @module
 */

import { create, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from "./onnx_pb.ts";
import type { Attribute, ElementType, Graph, Value } from "./graph.ts";

/** Version of ONNX's operators: the first version with Gelu; LayerNormalization is older. */
export const OPSET = 20;

/** Version of the file format that goes with {@linkcode OPSET} (ONNX 1.15). */
const IR_VERSION = 9n;

const DATA_TYPES: Record<ElementType, TensorProto_DataType> = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  bfloat16: TensorProto_DataType.BFLOAT16,
  int64: TensorProto_DataType.INT64,
};

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
export function encodeModel(
  graph: Graph,
  sources: ReadonlyMap<string, WeightSource>,
): Uint8Array {
  const initializers: TensorProto[] = [];
  const casts = [];
  for (const [name, dims] of graph.weights) {
    const source = sources.get(name);
    if (!source) {
      throw new Error(`Cannot write graph "${graph.name}": weight "${name}" has no source`);
    }
    // Weights in half precision stay so in the file, and a Cast in the graph widens them.
    const stored = source.kind === "file" && source.type !== "float32" ? `${name}.stored` : name;
    initializers.push(weightProto(stored, dims, source));
    if (stored !== name) {
      casts.push(create(NodeProtoSchema, {
        name: `Cast_${name}`,
        opType: "Cast",
        input: [stored],
        output: [name],
        attribute: [attributeProto("to", { int: TensorProto_DataType.FLOAT })],
      }));
    }
  }
  for (const constant of graph.constants) {
    const { data } = constant;
    initializers.push(create(TensorProtoSchema, {
      name: constant.name,
      dims: constant.dims.map(BigInt),
      dataType: DATA_TYPES[constant.type],
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    }));
  }
  const nodes = graph.nodes.map((node, i) =>
    create(NodeProtoSchema, {
      name: `${node.op}_${i}`,
      opType: node.op,
      input: [...node.inputs],
      output: [...node.outputs],
      attribute: Object.entries(node.attributes).map(([name, value]) =>
        attributeProto(name, value)
      ),
    })
  );
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      producerName: "groundray",
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(OPSET) })],
      graph: create(GraphProtoSchema, {
        name: graph.name,
        node: [...casts, ...nodes],
        initializer: initializers,
        input: graph.inputs.map(valueProto),
        output: graph.outputs.map(valueProto),
      }),
    }),
  );
}

function weightProto(name: string, dims: readonly number[], source: WeightSource): TensorProto {
  const shape = dims.map(BigInt);
  if (source.kind === "inline") {
    const { data } = source;
    return create(TensorProtoSchema, {
      name,
      dims: shape,
      dataType: TensorProto_DataType.FLOAT,
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    });
  }
  const { location, offset, length } = source;
  return create(TensorProtoSchema, {
    name,
    dims: shape,
    dataType: DATA_TYPES[source.type],
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries({ location, offset, length }).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value: String(value) })
    ),
  });
}

function attributeProto(name: string, value: Attribute) {
  if ("int" in value) {
    const type = AttributeProto_AttributeType.INT;
    return create(AttributeProtoSchema, { name, type, i: BigInt(value.int) });
  }
  if ("float" in value) {
    const type = AttributeProto_AttributeType.FLOAT;
    return create(AttributeProtoSchema, { name, type, f: value.float });
  }
  if ("text" in value) {
    const type = AttributeProto_AttributeType.STRING;
    return create(AttributeProtoSchema, { name, type, s: new TextEncoder().encode(value.text) });
  }
  const type = AttributeProto_AttributeType.INTS;
  return create(AttributeProtoSchema, { name, type, ints: value.ints.map(BigInt) });
}

function valueProto(value: Value) {
  const dim = value.dims.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof size === "number"
        ? { case: "dimValue", value: BigInt(size) }
        : { case: "dimParam", value: size },
    })
  );
  const tensor = create(TypeProto_TensorSchema, {
    elemType: DATA_TYPES[value.type],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name: value.name,
    type: create(TypeProtoSchema, { value: { case: "tensorType", value: tensor } }),
  });
}
