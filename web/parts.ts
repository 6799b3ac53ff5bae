/**
 * Messages as bytes: a JSON header, then the raw bytes of the value's binary parts.
 *
 * Layout: the header's length in bytes (uint32, little-endian), the header, then the parts.
 * The parts begin at multiples of 8 bytes.
 *
 * @module
 */

/** Types stored as raw bytes, little-endian like all machines that run a browser. */
const KINDS = { ArrayBuffer, Uint8Array, Uint8ClampedArray, Float32Array } as const;

type Kind = keyof typeof KINDS;

/** Placeholder of a binary part in the header. */
interface Stretch {
  readonly $part: Kind;
  /** First byte of the part, counted from the start of the parts. */
  readonly start: number;
  /** Length of the part in bytes. */
  readonly length: number;
}

/** Alignment of the parts in bytes. */
const ALIGNMENT = 8;

/** Bytes of the header's length, which precedes the header. */
const PREFIX = 4;

function align(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/** Gives a binary value's type; `undefined` for every other value. */
function kindOf(value: unknown): Kind | undefined {
  return (Object.keys(KINDS) as Kind[]).find((kind) => value instanceof KINDS[kind]);
}

/**
 * Writes a value as bytes.
 *
 * @param value A JSON value that may hold `ArrayBuffer`, `Uint8Array`, `Uint8ClampedArray` and
 * `Float32Array`.
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
    return { $part: kind, start, length: bytes.length } satisfies Stretch;
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
 * Reads a message of {@linkcode encodeParts}; the parts are copies of its bytes.
 *
 * @throws {SyntaxError} If the message is malformed.
 */
export function decodeParts(message: ArrayBuffer): unknown {
  try {
    const length = new DataView(message).getUint32(0, true);
    const text = new Uint8Array(message, PREFIX, length);
    const header = new TextDecoder("utf-8", { fatal: true }).decode(text);
    const from = align(PREFIX + length);
    return JSON.parse(header, (_, entry) => isStretch(entry) ? cut(message, from, entry) : entry);
  } catch (error) {
    throw new SyntaxError(`Cannot read a message: ${(error as Error).message}`, { cause: error });
  }
}

function isStretch(entry: unknown): entry is Stretch {
  return typeof entry === "object" && entry !== null && Object.hasOwn(entry, "$part");
}

function cut(message: ArrayBuffer, from: number, { $part, start, length }: Stretch): unknown {
  const isInside = [start, length].every((value) => Number.isSafeInteger(value) && value >= 0) &&
    from + start + length <= message.byteLength;
  if (!Object.hasOwn(KINDS, $part) || !isInside) {
    throw new RangeError("it names a part that is missing");
  }
  const bytes = message.slice(from + start, from + start + length);
  return $part === "ArrayBuffer" ? bytes : new KINDS[$part](bytes);
}
