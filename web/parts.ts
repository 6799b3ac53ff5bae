/**
 * Values with numbers in bulk as bytes: a header of JSON, and the numbers after it as they are.
 *
 * @module
 */

/** What is kept as bytes; their order is that of all machines with a browser, the lowest first. */
const KINDS = { ArrayBuffer, Uint8Array, Uint8ClampedArray, Float32Array } as const;

type Kind = keyof typeof KINDS;

/** Stands in the header for a part. */
interface Place {
  readonly $part: Kind;
  /** Bytes before it in what follows the header. */
  readonly start: number;
  /** Bytes of it. */
  readonly length: number;
}

/** Bytes that parts begin at multiples of. */
const ALIGNMENT = 8;

/** Bytes before the header: its length. */
const PREFIX = 4;

function align(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/** The kind of a value that is kept as bytes. */
function kindOf(value: unknown): Kind | undefined {
  return (Object.keys(KINDS) as Kind[]).find((kind) => value instanceof KINDS[kind]);
}

/**
 * Writes a value as bytes.
 *
 * @param value Plain objects, arrays, strings, numbers, booleans, and of what is binary
 * `ArrayBuffer`, `Uint8Array`, `Uint8ClampedArray` and `Float32Array`.
 */
export function encodeParts(value: unknown): Uint8Array<ArrayBuffer> {
  const parts: { readonly bytes: Uint8Array; readonly start: number }[] = [];
  let end = 0;
  const header = JSON.stringify(value, (_, entry): unknown => {
    const kind = kindOf(entry);
    if (!kind) return entry;
    const bytes = entry instanceof ArrayBuffer
      ? new Uint8Array(entry)
      : new Uint8Array(entry.buffer, entry.byteOffset, entry.byteLength);
    const start = end;
    parts.push({ bytes, start });
    end = align(start + bytes.length);
    return { $part: kind, start, length: bytes.length } satisfies Place;
  });
  const text = new TextEncoder().encode(header);
  const from = align(PREFIX + text.length);
  const message = new Uint8Array(from + end);
  new DataView(message.buffer).setUint32(0, text.length, true);
  message.set(text, PREFIX);
  for (const { bytes, start } of parts) message.set(bytes, from + start);
  return message;
}

/**
 * Reads what {@linkcode encodeParts} wrote; the parts are copies.
 *
 * @throws {SyntaxError} If it is not that.
 */
export function decodeParts(message: ArrayBuffer): unknown {
  try {
    const length = new DataView(message).getUint32(0, true);
    const text = new Uint8Array(message, PREFIX, length);
    const header = new TextDecoder("utf-8", { fatal: true }).decode(text);
    const from = align(PREFIX + length);
    return JSON.parse(header, (_, entry) => isPlace(entry) ? cut(message, from, entry) : entry);
  } catch (error) {
    throw new SyntaxError(`Cannot read a message: ${(error as Error).message}`, { cause: error });
  }
}

function isPlace(entry: unknown): entry is Place {
  return typeof entry === "object" && entry !== null && Object.hasOwn(entry, "$part");
}

function cut(message: ArrayBuffer, from: number, { $part, start, length }: Place): unknown {
  const isInside = [start, length].every((value) => Number.isSafeInteger(value) && value >= 0) &&
    from + start + length <= message.byteLength;
  if (!Object.hasOwn(KINDS, $part) || !isInside) {
    throw new RangeError("it names a part that it does not hold");
  }
  const bytes = message.slice(from + start, from + start + length);
  return $part === "ArrayBuffer" ? bytes : new KINDS[$part](bytes);
}
