import { show } from "./show.ts";

/** The text of a file, and whether all of its bytes were text. */
export interface FileText {
  /** The text; U+FFFD stands for bytes that are none. */
  readonly text: string;
  /** Whether there are such bytes. */
  readonly isBroken: boolean;
}

/**
 * Text in UTF-8, or in UTF-16 as Excel's "Unicode Text" and PowerShell write it.
 *
 * @param bytes The file.
 */
export function decodeText(bytes: Uint8Array): FileText {
  const encoding = encodingOf(bytes);
  try {
    return { text: new TextDecoder(encoding, { fatal: true }).decode(bytes), isBroken: false };
  } catch {
    return { text: new TextDecoder(encoding).decode(bytes), isBroken: true };
  }
}

/** By the byte order mark, or without one by the zero beside the first character. */
function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe || first && second === 0) return "utf-16le";
  if (first === 0xfe && second === 0xff || first === 0 && second) return "utf-16be";
  return "utf-8";
}

/** A row of a file that holds broken bytes, with the fault that it has if it holds some of them. */
export function withTextFault<Row extends { readonly fault?: string }>(row: Row): Row {
  if (row.fault || !show(row, Infinity).includes("\ufffd")) return row;
  return { ...row, fault: "the row holds bytes that are not UTF-8; save the file as UTF-8" };
}

/** The error of a file that holds bytes that are not text, and cannot be read for that. */
export function notText(path: string): SyntaxError {
  return new SyntaxError(`Cannot read "${path}": it is not text in UTF-8`);
}
