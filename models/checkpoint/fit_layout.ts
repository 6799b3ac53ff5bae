import type { Checkpoint } from "./checkpoint.ts";
import type { FitTensorsOptions } from "./_find_misfits.ts";
import { closestShapes, fitTensors } from "./fit_tensors.ts";
import { rowsOf } from "./tensor_entry.ts";

/**
 * One part of tensor names, spelt as in each layout; the first layout is the model's own. If a layout
 * has the same spelling for several parts, it holds them as successive rows of one tensor.
 */
export type Renaming = readonly string[];

type Shapes = ReadonlyMap<string, readonly number[]>;

/** Rows of a checkpoint's tensor that hold one of the model's tensors. */
interface RowRange {
  /** Name of the tensor in the checkpoint. */
  readonly own: string;
  /** Index of the first row. */
  readonly first: number;
}

/** Renames a model's tensors to a layout. Returns shapes by the layout's names, and rows by the model's. */
function rename(
  expected: Shapes,
  renamings: readonly Renaming[],
  layout: number,
): { shapes: Shapes; places: ReadonlyMap<string, RowRange> } {
  const shapes = new Map<string, readonly number[]>();
  const places = new Map<string, RowRange>();
  for (const [name, shape] of expected) {
    const renaming = renamings.find(([part]) => name.includes(`.${part}.`));
    const own = renaming ? name.replace(`.${renaming[0]}.`, `.${renaming[layout]}.`) : name;
    const parts = renamings.filter((other) => other[layout] === renaming?.[layout]);
    const [rows = 1, ...others] = shape;
    places.set(name, { own, first: renaming ? parts.indexOf(renaming) * rows : 0 });
    shapes.set(own, parts.length > 1 ? [parts.length * rows, ...others] : shape);
  }
  return { shapes, places };
}

/**
 * Tells the layout of a checkpoint by its names.
 *
 * @param expected Shape of each tensor by the model's names.
 * @param renamings The parts of names that differ.
 * @returns Index of the layout with the largest share of its names in the checkpoint; the first of
 * several.
 * @throws {RangeError} If the checkpoint holds the weights in several layouts.
 */
export function tellLayout(
  checkpoint: Checkpoint,
  expected: Shapes,
  renamings: readonly Renaming[],
): number {
  const layouts = renamings[0]!.map((_, layout) => {
    const names = [...rename(expected, renamings, layout).shapes.keys()];
    return { names, share: closestShapes(checkpoint, names).size / names.length };
  });
  const best = layouts.reduce((best, other) => other.share > best.share ? other : best);
  // Layouts have equal names if a network has none of the renamed parts.
  const differs = ({ names }: { names: string[] }) => names.join() !== best.names.join();
  if (best.share === 1 && layouts.some((other) => other.share === 1 && differs(other))) {
    throw new RangeError(
      `Cannot load "${checkpoint.path}": it holds these weights in several layouts of names; ` +
        "save only those that are meant",
    );
  }
  return layouts.indexOf(best);
}

/**
 * Finds a model's tensors in a checkpoint of any layout, and checks that names and shapes match
 * exactly, as {@linkcode fitTensors} does.
 *
 * @param expected Shape of each tensor by the model's names.
 * @param renamings The parts of names that differ.
 * @returns The checkpoint with the tensors under the model's names.
 * @throws {RangeError} If the tensors do not match; the message has the checkpoint's own names.
 * @throws {SyntaxError} If the file does not hold the tensors whole.
 *
 * @example
 * ```ts ignore
 * import { fitLayout, openCheckpoint } from "./mod.ts";
 *
 * // The file holds "attn.qkv.weight" [192, 64].
 * const names = [["to_q", "qkv"], ["to_k", "qkv"], ["to_v", "qkv"]];
 * const shapes = ["q", "k", "v"].map((part) => [`attn.to_${part}.weight`, [64, 64]] as const);
 * const { tensors } = await fitLayout(await openCheckpoint("x.pt"), new Map(shapes), names);
 * ```
 */
export async function fitLayout(
  checkpoint: Checkpoint,
  expected: Shapes,
  renamings: readonly Renaming[],
  options?: FitTensorsOptions,
): Promise<Checkpoint> {
  const layout = tellLayout(checkpoint, expected, renamings);
  const { shapes, places } = rename(expected, renamings, layout);
  const fitted = await fitTensors(checkpoint, shapes, options);
  const tensors = new Map([...places].map(([name, { own, first }]) => {
    const stored = fitted.tensors.get(own)!;
    const [rows] = expected.get(name)!;
    return [name, rows === stored.shape[0] ? stored : rowsOf(stored, first, rows!)];
  }));
  return { ...fitted, tensors };
}
