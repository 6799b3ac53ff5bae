/** An error in the arguments of a command, which ends it with exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Declaration of one option. */
export interface Flag {
  /** Type of the value. A `list` may be given several times; a `boolean` takes no value. */
  readonly type: "string" | "number" | "integer" | "boolean" | "list";
  /** Effect of the option, for the help text. */
  readonly description: string;
  /** Placeholder for the value in the help text. */
  readonly placeholder?: string;
  /** Value if the option is not given. A boolean with default true is turned off by `--no-NAME`. */
  readonly default?: string | number | boolean;
  /** Default in words for the help text, if it is not a plain value. */
  readonly defaultText?: string;
  /** Smallest number that is allowed. */
  readonly min?: number;
  /** Largest number that is allowed. */
  readonly max?: number;
  /** Values that are allowed; any value if absent. */
  readonly choices?: readonly string[];
  /** The option must be given. */
  readonly required?: true;
}

/** Option for a folder. */
export function folderFlag(description: string) {
  return { type: "string", placeholder: "DIR", description } as const;
}

/** Options by name. */
export type Flags = Readonly<Record<string, Flag>>;

/** Type of an option's value. */
export type ValueOf<F extends Flag> = F extends { choices: readonly (infer C)[] } ? C
  : F["type"] extends "list" ? readonly string[]
  : F["type"] extends "boolean" ? boolean
  : F["type"] extends "number" | "integer" ? number
  : string;

/** An option always has a value if it has a default, is required, or is a list or a boolean. */
export type IsAlwaysThere<F extends Flag> = F extends { default: unknown } | { required: true }
  ? true
  : F["type"] extends "list" | "boolean" ? true
  : false;

/** Values of the declared options, by name. */
export type FlagValues<F extends Flags> = {
  [Name in keyof F]: IsAlwaysThere<F[Name]> extends true ? ValueOf<F[Name]>
    : ValueOf<F[Name]> | undefined;
};
