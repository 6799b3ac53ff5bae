import { show } from "../show.ts";

/** Makes the released code's phrase for a class, for datasets without phrases. */
export function classPhrase(name: string): string {
  return `The patient has ${name}`;
}

/** Names the fault of a row whose class is none of the dataset's. */
export function classFault(classes: Iterable<string>, found: unknown): string {
  return `the class must be one of ${[...classes].join(", ")}, got "${show(found)}"`;
}
