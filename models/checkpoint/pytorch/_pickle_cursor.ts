import { OPCODE_NAMES } from "./_pickle_opcodes.ts";

/** Walks the bytes of a pickle; a read past the end throws an error with the position. */
export class PickleCursor {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #position = 0;
  #opcodeStart = 0;

  /** @param bytes The pickle. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads the next opcode. */
  opcode(): number {
    this.#opcodeStart = this.#position;
    return this.uint8();
  }

  /** Steps over `length` bytes and returns the position of the first byte. */
  #take(length: number): number {
    this.checkLength(length);
    const start = this.#position;
    this.#position += length;
    return start;
  }

  /** Checks that at least `length` bytes are left. */
  checkLength(length: number): void {
    const left = this.#bytes.length - this.#position;
    if (length > left) {
      throw this.fail(`needs ${length} bytes more, found ${left}`);
    }
  }

  /** Reads an unsigned byte. */
  uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  /** Reads an unsigned integer of two bytes. */
  uint16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  /** Reads a signed integer of four bytes. */
  int32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  /** Reads a float64; pickles store only this type big-endian. */
  float64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }

  /** Reads an unsigned integer of four bytes. */
  uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** Reads a length of eight bytes. */
  length64(): number {
    // Above 2^53 the number is inexact, but then it exceeds every buffer anyway.
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }

  /** Reads a two's complement integer of `length` bytes: a number if it is exact, else a bigint. */
  long(length: number): number | bigint {
    const start = this.#take(length);
    let value = 0n;
    for (let index = length - 1; index >= 0; index--) {
      value = value << 8n | BigInt(this.#bytes[start + index]!);
    }
    value = BigInt.asIntN(8 * length, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /** Reads `length` bytes, without a copy. */
  slice(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Reads `length` bytes of UTF-8. */
  string(length: number): string {
    const start = this.#take(length);
    return this.#decode(start, start + length);
  }

  /** Reads UTF-8 up to the next line end. */
  line(): string {
    const start = this.#position;
    const end = this.#bytes.indexOf(0x0a, start);
    if (end < 0) throw this.fail("needs a line end, found none");
    this.#position = end + 1;
    return this.#decode(start, end);
  }

  #decode(start: number, end: number): string {
    try {
      return this.#text.decode(this.#bytes.subarray(start, end));
    } catch (cause) {
      throw this.fail("holds text that is not UTF-8", cause);
    }
  }

  /** Makes an error with the name and position of the current opcode. */
  fail(reason: string, cause?: unknown): SyntaxError {
    const name = OPCODE_NAMES[this.#bytes[this.#opcodeStart] ?? -1];
    const opcode = name === undefined ? "" : ` (${name})`;
    return new SyntaxError(
      `its pickle ${reason}, at byte ${this.#opcodeStart} of data.pkl${opcode}`,
      { cause },
    );
  }
}
