/**
 * Options of a command, declared once: parsing, validation and help come from
 * the same declaration.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { closestString } from "@std/text/closest-string";
import { levenshteinDistance } from "@std/text/levenshtein-distance";
import { type Flag, type Flags, type FlagValues, UsageError } from "../../base/options.ts";

export { type Flag, type Flags, type FlagValues, UsageError };

/** A command's name, purpose and options. */
export interface Command<F extends Flags> {
  /** Command line, such as `deno task eval`. */
  readonly usage: string;
  readonly description: string;
  readonly flags: F;
  /** Name of the operand, such as `RESULTS`; absent if the command takes no operand. */
  readonly operand?: string;
  /** The operand may be given several times. */
  readonly isRepeated?: true;
  /** The operand may be left out. */
  readonly isOptional?: true;
}

/** Arguments that are not options. */
export interface Operands {
  /** Operands in the given order. */
  readonly operands: readonly string[];
}

/** Values and operands that {@linkcode parseFlags} returns. */
export type ValuesOf<F extends Flags> = FlagValues<F> & Operands;

/** Declares a command, and keeps the types of its options. */
export function command<const F extends Flags>(declaration: Command<F>): Command<F> {
  return declaration;
}

/**
 * Reads a command's arguments.
 *
 * @returns Values and operands; `undefined` if `--help` or `-h` is among the arguments.
 * @throws {UsageError} If the arguments do not match the declaration.
 */
export function parseFlags<F extends Flags>(
  args: readonly string[],
  { flags, operand, isRepeated, isOptional }: Command<F>,
): ValuesOf<F> | undefined {
  const entries = Object.entries<Flag>(flags);
  const names = entries.map(([name]) => name);
  const isBoolean = (name: string) => flags[name]?.type === "boolean";
  if (args.includes("--help") || args.includes("-h")) return undefined;
  for (const arg of args) requireNoValue(arg, flags);
  const parsed = parseArgs(joinValues(args, flags), {
    string: names.filter((name) => !isBoolean(name)),
    boolean: names.filter(isBoolean),
    collect: names.filter((name) => !isBoolean(name)),
    negatable: names.filter((name) => isBoolean(name) && flags[name]!.default === true),
    default: Object.fromEntries(
      entries.filter(([, flag]) => flag.type === "boolean")
        .map(([name, flag]) => [name, flag.default ?? false]),
    ),
    unknown: (arg: string, key?: string) => {
      if (key === undefined) {
        if (operand) return;
        throw new UsageError(`Unexpected argument "${arg}"`);
      }
      throw unknownOption(arg, names);
    },
  }) as Record<string, unknown>;
  // The parser does not pass arguments after "--" to `unknown`, so check for them here.
  const operands = (parsed._ as unknown[]).map(String);
  if (!operand && operands.length > 0) {
    throw new UsageError(`Unexpected argument "${operands[0]}"`);
  }
  if (operand && !isOptional && operands.length === 0) {
    throw new UsageError(`At least one ${operand} is needed`);
  }
  if (operand && !isRepeated && operands.length > 1) {
    throw new UsageError(`Expected one ${operand}, got "${operands[1]}" too`);
  }
  const values = entries.map(([name, flag]) => [
    name,
    flag.type === "boolean" ? parsed[name] : readValues(name, flag, parsed[name] as string[]),
  ]);
  return { ...Object.fromEntries(values), operands };
}

/** Names of the declared options that the arguments give. */
export function givenFlags(args: readonly string[], flags: Flags): ReadonlySet<string> {
  const names = args.map((arg) => /^--([^=]+)/.exec(arg)?.[1] ?? "")
    .map((name) => Object.hasOwn(flags, name) ? name : name.replace(/^no-/, ""));
  return new Set(names.filter((name) => Object.hasOwn(flags, name)));
}

/** Refuses `--flag=value` for a boolean, since the parser would ignore the value. */
function requireNoValue(arg: string, flags: Flags): void {
  const name = /^--(?:no-)?([^=]+)=/.exec(arg)?.[1];
  if (name === undefined || !Object.hasOwn(flags, name) || flags[name]!.type !== "boolean") return;
  throw new UsageError(`Option "${arg.replace(/=.*/s, "")}" takes no value, got "${arg}"`);
}

/**
 * Joins each option and its value with `=`. Otherwise the parser would take an empty value for an
 * operand.
 */
function joinValues(args: readonly string[], flags: Flags): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const name = /^--([^=]+)$/.exec(arg)?.[1];
    const flag = name !== undefined && Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!flag || flag.type === "boolean") {
      joined.push(arg);
      continue;
    }
    const value = args[++i];
    if (value === undefined || value.startsWith("--")) {
      throw new UsageError(`Option "--${name}" needs a value: ${flag.placeholder ?? flag.type}`);
    }
    joined.push(`${arg}=${value}`);
  }
  return joined;
}

/** Makes the error about an option that is not declared, with a name that is near. */
export function unknownOption(arg: string, names: readonly string[]): UsageError {
  const name = arg.replace(/^-+/, "").replace(/=.*/, "");
  const closest: string = closestString(name, [...names, "help"]);
  // At most half of the letters may differ; a wilder guess only confuses.
  const isClose = levenshteinDistance(name, closest) <= Math.max(1, Math.floor(closest.length / 2));
  const hint = isClose ? `did you mean "--${closest}"?` : "--help lists the options";
  return new UsageError(`Unknown option "${arg.replace(/=.*/, "")}": ${hint}`);
}

/** The name that a text is nearly; `undefined` for a path, or if no name is near. */
export function nearName(text: string, names: readonly string[]): string | undefined {
  if (/[/\\]/.test(text)) return undefined;
  const name: string = closestString(text.toLowerCase(), names);
  return levenshteinDistance(text.toLowerCase(), name) > name.length / 3 ? undefined : name;
}

/**
 * Reads the values that an option was given.
 *
 * @throws {UsageError} If a value is not of the option's type, range or choices.
 */
export function readValues(name: string, flag: Flag, given: readonly string[] = []): unknown {
  if (flag.type === "list") {
    if (flag.required && given.length === 0) throw new UsageError(`Option "--${name}" is needed`);
    return given;
  }
  if (given.length > 1) throw new UsageError(`Option "--${name}" was given ${given.length} times`);
  const [text] = given;
  if (text === undefined) {
    if (flag.required) throw new UsageError(`Option "--${name}" is needed`);
    return flag.default;
  }
  if (flag.choices && !flag.choices.includes(text)) {
    throw new UsageError(
      `Option "--${name}" must be one of ${flag.choices.join(", ")}, got "${text}"`,
    );
  }
  if (flag.type === "string") {
    if (text === "") throw new UsageError(`Option "--${name}" is empty`);
    return text;
  }
  const value = text.trim() === "" ? NaN : Number(text);
  const { min = -Infinity, max = Infinity } = flag;
  const isNumber = flag.type === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (!isNumber || value < min || value > max) {
    const kind = flag.type === "integer" ? "a whole number" : "a number";
    const range = max < Infinity ? ` from ${min} to ${max}` : min > -Infinity ? ` from ${min}` : "";
    throw new UsageError(`Option "--${name}" must be ${kind}${range}, got "${text}"`);
  }
  return value;
}

/** Most characters in a line of the help text. */
const WIDTH = 88;

/** The help text of a command. */
export function helpText<F extends Flags>({ usage, description, flags }: Command<F>): string {
  const rows = Object.entries<Flag>({
    ...flags,
    help: { type: "boolean", description: "Print this and exit." },
  }).map(([name, flag]) => {
    const isOff = flag.type === "boolean" && flag.default === true;
    const value = flag.type === "boolean" ? "" : ` ${flag.placeholder ?? flag.type.toUpperCase()}`;
    const choices = flag.choices ? ` One of ${flag.choices.join(", ")}.` : "";
    const shown = flag.defaultText ?? (flag.type === "boolean" ? undefined : flag.default);
    const fallback = shown === undefined ? "" : ` Default: ${shown}.`;
    return [
      `--${isOff ? "no-" : ""}${name}${value}`,
      flag.description + choices + fallback,
    ] as const;
  });
  return [
    `Usage: ${usage}`,
    "",
    ...wrap(description, WIDTH),
    "",
    "Options:",
    ...listRows(rows),
    "",
  ].join("\n");
}

/** Lines of a help text that list names, with a description beside each. */
export function listRows(rows: readonly (readonly [name: string, about: string])[]): string[] {
  const margin = Math.max(...rows.map(([name]) => name.length)) + 4;
  return rows.map(([name, about]) =>
    `  ${name.padEnd(margin - 2)}${wrap(about, WIDTH - margin).join("\n" + " ".repeat(margin))}`
  );
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    if (lines[last] !== "" && lines[last]!.length + 1 + word.length > width) lines.push(word);
    else lines[last] += (lines[last] === "" ? "" : " ") + word;
  }
  return lines;
}
