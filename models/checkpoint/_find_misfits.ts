import { quote } from "../../base/text.ts";

const MAX_LISTED = 8;
// The file chooses some names, and a list of names must stay on one line of a message.
const MAX_NAME_LENGTH = 80;
const MAX_LIST_LENGTH = 200;

/** Options of {@linkcode fitTensors}. */
export interface FitTensorsOptions {
  /**
   * Whether the file may hold a given tensor that the model lacks.
   *
   * @default {No tensor is ignored}
   */
  readonly ignore?: (name: string) => boolean;
}

/**
 * Options that ignore tensors by the start of their names.
 *
 * @param prefixes Starts of the names.
 */
export function ignoring(prefixes: readonly string[]): Required<FitTensorsOptions> {
  return { ignore: (name) => prefixes.some((prefix) => name.startsWith(prefix)) };
}

/**
 * Says how the tensors of a file differ from the tensors of a model.
 *
 * @param shapes Shape of each tensor of the file by name.
 * @param expected Shape of each tensor of the model by name.
 * @returns All missing, unexpected and misshaped tensors in one line; undefined if there are none.
 */
export function findMisfits(
  shapes: ReadonlyMap<string, readonly number[]>,
  expected: ReadonlyMap<string, readonly number[]>,
  options: FitTensorsOptions = {},
): string | undefined {
  const { ignore = () => false } = options;
  const missing: string[] = [];
  const misshaped: string[] = [];
  for (const [name, shape] of expected) {
    const found = shapes.get(name);
    if (found === undefined) missing.push(bare(name));
    else if (found.length !== shape.length || found.some((size, axis) => size !== shape[axis])) {
      misshaped.push(`${quote(name, MAX_NAME_LENGTH)} expected [${shape}], got [${found}]`);
    }
  }
  const unexpected = [...shapes.keys()]
    .filter((name) => !expected.has(name) && !ignore(name))
    .map(bare);

  const faults: string[] = [];
  if (missing.length > 0) {
    faults.push(`${missing.length} missing (${list(missing, ", ")})`);
  }
  if (unexpected.length > 0) {
    faults.push(`${unexpected.length} unexpected (${list(unexpected, ", ")})`);
  }
  if (misshaped.length > 0) {
    faults.push(`${misshaped.length} misshaped: ${list(misshaped, "; ")}`);
  }
  return faults.length > 0 ? faults.join("; ") : undefined;
}

function bare(name: string): string {
  return quote(name, MAX_NAME_LENGTH).slice(1, -1);
}

function list(items: readonly string[], separator: string): string {
  let count = 0;
  for (let length = 0; count < Math.min(items.length, MAX_LISTED); count++) {
    length += items[count]!.length;
    if (count > 0 && length > MAX_LIST_LENGTH) break;
  }
  const listed = items.slice(0, count).join(separator);
  return count === items.length ? listed : `${listed}${separator}and ${items.length - count} more`;
}
