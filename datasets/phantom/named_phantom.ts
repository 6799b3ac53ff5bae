import { InputRangeError } from "../../base/errors.ts";
import { drawPhantom, type Phantom } from "./phantom.ts";

/**
 * Draws the phantom of a name in place of a file: `phantom`, or `phantom:SEED`.
 *
 * @returns The phantom, of seed 1 if the name has none; `undefined` if the name is no phantom's.
 * @throws {InputRangeError} If the seed is not a whole number.
 */
export function namedPhantom(name: string): Phantom | undefined {
  const match = /^phantom(?::(.*))?$/s.exec(name);
  if (!match) return undefined;
  const seed = match[1] ?? "1";
  if (/^\d{1,9}$/.test(seed)) return drawPhantom({ seed: Number(seed) });
  throw new InputRangeError(`Cannot draw "${name}": expected phantom:SEED, such as phantom:2`);
}
