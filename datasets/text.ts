import { InputSyntaxError } from "../base/errors.ts";
import { show } from "./show.ts";

/** The text of a file, and whether some of its bytes were not text. */
export interface FileText {
  /** The text; U+FFFD replaces bytes that are not text. */
  readonly text: string;
  /** Whether the file holds bytes that are not text. */
  readonly isBroken: boolean;
}

/** Decodes text in UTF-8, or in UTF-16 as Excel's "Unicode Text" and PowerShell write it. */
export function decodeText(bytes: Uint8Array): FileText {
  const encoding = encodingOf(bytes);
  try {
    return { text: new TextDecoder(encoding, { fatal: true }).decode(bytes), isBroken: false };
  } catch {
    return { text: new TextDecoder(encoding).decode(bytes), isBroken: true };
  }
}

/** Finds the encoding by the byte order mark, or else by the zero beside the first character. */
function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe || first && second === 0) return "utf-16le";
  if (first === 0xfe && second === 0xff || first === 0 && second) return "utf-16be";
  return "utf-8";
}

/** Adds a fault to a row of a file with broken bytes, if the row itself holds such bytes. */
export function withTextFault<Row extends { readonly fault?: string }>(row: Row): Row {
  if (row.fault || !show(row, Infinity).includes("\ufffd")) return row;
  return { ...row, fault: "the row holds bytes that are not UTF-8; save the file as UTF-8" };
}

/** Makes the error for a file that cannot be read because some bytes are not text. */
export function notText(path: string): SyntaxError {
  return new InputSyntaxError(`Cannot read "${path}": it is not text in UTF-8`);
}
