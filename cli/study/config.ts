import { createHash } from "node:crypto";
import { parse } from "@std/yaml";
import { isObject } from "../../base/json.ts";
import { folderOf, resolve, stat } from "../../base/paths.ts";
import { printable, quote } from "../../base/text.ts";
import { findModel } from "../../hub/catalog.ts";
import { findDataset } from "../../hub/datasets.ts";
import { isModule } from "../../methods/outside_method.ts";
import {
  type Flag,
  type Flags,
  givenFlags,
  readValues,
  unknownOption,
  UsageError,
} from "../kit/flags.ts";

/** Most bytes of a file: a study has some dozens of lines. */
const MAX_BYTES = 2 ** 16;

/** Arguments of a command with the options of its `--config`. */
export interface Study {
  /** Arguments as if the options of the file had been given, unless the command line gives them. */
  readonly args: string[];
  /** SHA-256 of the file; absent without `--config`. */
  readonly sha256?: string;
}

/**
 * Adds the options in the file of `--config` to arguments. Options of the command line win over the
 * file, lists as a whole. Paths in the file are relative to the file.
 *
 * @throws {UsageError} If the file cannot be read, or is no mapping of options to their values; the
 * message has the line.
 */
export async function readStudy(args: readonly string[], flags: Flags): Promise<Study> {
  const at = args.findIndex((arg) => /^--config(=|$)/.test(arg));
  const path = at < 0 ? undefined : args[at]!.split("=").slice(1).join("=") || args[at + 1];
  // The parser of the command line reports a missing value.
  if (path === undefined || path.startsWith("--")) return { args: [...args] };
  const { text, sha256 } = await readText(path);
  const given = givenFlags(args, flags);
  const added: string[] = [];
  const seen = new Map<string, string>();
  for (const [key, value] of Object.entries(readMapping(path, text))) {
    const fail = (reason: string) => fault(path, reason, lineOf(text, key));
    const isOff = /^no-/.test(key) && flags[key.slice(3)]?.default === true;
    const name = isOff ? key.slice(3) : key;
    if (name === "config") throw fail(`a study cannot name another file`);
    if (!Object.hasOwn(flags, name)) {
      const { message } = unknownOption(`--${key}`, Object.keys(flags));
      throw fail(message.replace("Unknown", "unknown").replaceAll('"--', '"'));
    }
    if (seen.has(name)) throw fail(`${quote(key)} and ${quote(seen.get(name)!)} are both there`);
    seen.set(name, key);
    const own = await argumentsOf(path, name, flags[name]!, value, isOff, fail);
    if (!given.has(name)) added.push(...own);
  }
  return { args: [...args, ...added], sha256 };
}

/** Makes the error about a line of the file; a fault of the whole file has no line. */
function fault(path: string, reason: string, line?: number): UsageError {
  return new UsageError(
    `Cannot read ${quote(path)}${line === undefined ? "" : `, line ${line}`}: ${reason}`,
  );
}

async function readText(path: string): Promise<{ text: string; sha256: string }> {
  const info = await stat(path).catch((error: Error) => {
    throw fault(path, error.message);
  });
  if (!info?.isFile) throw fault(path, info ? "it is no file" : "there is no such file");
  if (info.size > MAX_BYTES) {
    throw fault(path, `it has ${info.size} bytes, expected at most ${MAX_BYTES}`);
  }
  const bytes = await Deno.readFile(path).catch((error: Error) => {
    throw fault(path, error.message);
  });
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const isText = (part: Uint8Array) => {
    try {
      decoder.decode(part);
      return true;
    } catch {
      return false;
    }
  };
  let [line, from] = [1, 0];
  // A newline is a byte of its own in UTF-8, so that each line decodes by itself.
  for (let end = 0; end <= bytes.length; end++) {
    if (end < bytes.length && bytes[end] !== 10) continue;
    if (!isText(bytes.subarray(from, end))) throw fault(path, "it is not text in UTF-8", line);
    line++;
    from = end + 1;
  }
  return { text: decoder.decode(bytes), sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Parses the file; each plain value stays the text that it was, as on the command line. */
function readMapping(path: string, text: string): Readonly<Record<string, unknown>> {
  text.split("\n").forEach((line, i) => {
    if (/^ *\t/.test(line)) {
      throw fault(path, "it begins with a tab; YAML indents by spaces", i + 1);
    }
    if (/^\s*(?:- +|[^\s#'"][^#'"]*?: +)*[[{,\s]*[&*]\S/.test(line)) {
      throw fault(path, "a study has no anchors and aliases; quote a text with & or *", i + 1);
    }
  });
  let found: unknown;
  try {
    found = parse(text, { schema: "failsafe" });
  } catch (error) {
    if (error instanceof RangeError) throw fault(path, "it is nested too deeply", 1);
    const message = (error as Error).message;
    const [, reason = message, line = "1"] = /^(.*?) at line (\d+), column \d+/s.exec(message) ??
      [];
    throw fault(
      path,
      /duplicated key/.test(reason)
        ? "the option is there twice"
        : `it is not valid YAML (${printable(reason)})`,
      Number(line),
    );
  }
  if (isObject(found)) return found;
  throw fault(path, "expected options with their values, such as steps: 50", 1);
}

/** Line of an option in the file, from 1. */
function lineOf(text: string, key: string): number {
  const name = key.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const pattern = new RegExp(`(?:^|[{,])\\s*["']?${name}["']?\\s*:`);
  return text.split("\n").findIndex((line) => pattern.test(line)) + 1 || 1;
}

/** Writes an option of the file as arguments of the command line. */
async function argumentsOf(
  path: string,
  name: string,
  flag: Flag,
  value: unknown,
  isOff: boolean,
  fail: (reason: string) => UsageError,
): Promise<string[]> {
  if (flag.type === "boolean") {
    if (value !== "true" && value !== "false") {
      throw fail(`${quote(name)} must be true or false, got ${show(value)}`);
    }
    const isOn = (value === "true") !== isOff;
    return isOn === (flag.default ?? false) ? [] : [isOn ? `--${name}` : `--no-${name}`];
  }
  const takesList = flag.type === "list" || flag.placeholder === "LIST";
  const values = takesList && Array.isArray(value) ? value : [value];
  if (values.some((item) => typeof item !== "string")) {
    throw fail(
      `${quote(name)} must be ${takesList ? "a value, or a list of values" : "one value"}, ` +
        `got ${show(value)}`,
    );
  }
  const texts: string[] = [];
  for (const text of values as string[]) texts.push(await placed(folderOf(path), name, flag, text));
  const joined = flag.type === "list" ? texts : [texts.join()];
  try {
    readValues(name, flag, joined);
  } catch (error) {
    throw fail((error as Error).message.replace(/^Option "--/, '"'));
  }
  return joined.map((text) => `--${name}=${text}`);
}

function show(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  return isObject(value) ? "a mapping" : quote(String(value));
}

/** Makes the paths in a value relative to the file's folder; names of the catalog stay. */
async function placed(folder: string, name: string, flag: Flag, text: string): Promise<string> {
  const place = (path: string) =>
    folder === "." || path === "" || /^(?:[a-z]:)?[/\\]/i.test(path) ? path : resolve(folder, path);
  if (name === "method") {
    return text.split(",").map((part) => isModule(part.trim()) ? place(part.trim()) : part).join();
  }
  if (name === "model" || name === "dataset") {
    const [, method = "", rest = text] = name === "model"
      ? /^([^=/\\]+=)(.*)$/s.exec(text) ?? []
      : [];
    const isName = name === "model" ? findModel(rest) : findDataset(rest);
    // The confined thread may not look at a path that the first thread did not find.
    const isThere = isName && await stat(place(rest)).catch(() => undefined);
    return method + (isName && !isThere ? rest : place(rest));
  }
  return ["DIR", "FILE", "PATH"].includes(flag.placeholder ?? "") ? place(text) : text;
}
