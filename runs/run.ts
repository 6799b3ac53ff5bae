import { type Box, toOriginal } from "../base/geometry.ts";
import { stat } from "../base/paths.ts";
import { printable, quote } from "../base/text.ts";
import { areTruthMasks } from "../base/truth_mask.ts";
import type { SampleResult, StoredHeatmap } from "../pipeline/evaluate.ts";
import { ATTENTION, HeatmapIndex, HEATMAPS, lacks } from "./heatmap_file.ts";
import { readResults, readSamples } from "./read_results.ts";
import { type FinishedHeatmap, finishStored, type RescoreSettings } from "./rescore.ts";
import {
  imageOf,
  isGrounded,
  readRunRecord,
  RECORD,
  RESULTS,
  type RunRecord,
} from "./run_folder.ts";
import { type ScoringSettings, scoringSettings } from "./scoring_settings.ts";

/** A heatmap of a run: `normalised` holds values before Otsu's threshold, `heatmap` after it. */
export interface RunHeatmap extends FinishedHeatmap, StoredHeatmap {
  /** The box around the mask in pixels of the original image; `undefined` without Otsu or mask. */
  readonly originalBox: Box | undefined;
}

/**
 * A finished or interrupted run. Its results are read from the file on each iteration, and its
 * heatmaps are rebuilt one by one, without a model.
 *
 * @example Usage
 * ```ts
 * import { Run } from "./run.ts";
 *
 * async function coverage(folder: string, id: string): Promise<number> {
 *   using run = await Run.open(folder);
 *   const { heatmap } = await run.get(id);
 *   return heatmap.filter((value) => value > 0).length / heatmap.length;
 * }
 * ```
 */
export class Run implements Disposable {
  readonly #task: string;
  readonly #index: HeatmapIndex;
  readonly #state: State;
  #attention: HeatmapIndex | undefined;

  private constructor(
    /** The run's folder. */
    readonly folder: string,
    /** The run's record. */
    readonly record: RunRecord,
    /** Settings by which the run finished and scored its heatmaps. */
    readonly settings: ScoringSettings,
    index: HeatmapIndex,
    state: State,
    task: string,
  ) {
    this.#index = index;
    this.#state = state;
    this.#task = task;
  }

  /**
   * Opens a run: checks its record, and finds its heatmaps.
   *
   * @param folder The run's folder.
   * @param task The caller's task as a verb, for messages such as "Cannot draw …".
   * @throws {Deno.errors.NotFound} If the folder holds no run.
   * @throws {SyntaxError} If the folder's files are corrupt.
   */
  static async open(folder: string, task = "read"): Promise<Run> {
    // Take the state first: a write during the opening then counts as a change. A heatmap is on the
    // disk before its result, so that every result up to this size has its heatmap.
    const state = await stateOf(folder);
    const record = await readRunRecord(folder);
    const settings = scoringSettings(folder, record);
    return new Run(folder, record, settings, await HeatmapIndex.open(pathIn(folder)), state, task);
  }

  /** Returns `true` if a file changed after the opening, as the files of a run in progress do. */
  async hasChanged(): Promise<boolean> {
    return (await stateOf(this.folder)).text !== this.#state.text;
  }

  /**
   * Paths of the images in a run's results, and of the masks' files. Commands need the paths for
   * their permissions before they open the run, so this function reads one file and checks no result.
   *
   * @param folder The run's folder.
   * @throws {SyntaxError} If the results are corrupt.
   */
  static async imagePaths(folder: string): Promise<Set<string>> {
    return await collect(folder, (result) => {
      const image = imageOf(result);
      return [...(image ? [image] : []), ...maskFiles(result)];
    });
  }

  /**
   * Paths of the masks' files in a run's results, as of {@linkcode imagePaths}.
   *
   * @param folder The run's folder.
   * @throws {SyntaxError} If the results are corrupt.
   */
  static async maskPaths(folder: string): Promise<Set<string>> {
    return await collect(folder, maskFiles);
  }

  /**
   * Chooses a variant by its name.
   *
   * @param name The name; the run's first variant by default.
   * @throws {RangeError} If the run has no such variant.
   */
  variant(name: string = this.record.variants[0]!): string {
    const { variants } = this.record;
    if (variants.includes(name)) return name;
    throw new RangeError(
      `Cannot ${this.#task} setting ${quote(name)} of "${this.folder}": expected one of ` +
        variants.map((name) => quote(name)).join(", "),
    );
  }

  /**
   * Yields the results in the order of the file. Results that a run in progress
   * adds later are left out: all iterations give the same results.
   *
   * @param variant Name of a variant; only its results, and samples that dropped out of all
   * variants.
   * @throws {SyntaxError} If a line is corrupt, or has a variant or boxes that the run cannot have.
   */
  async *results(variant?: string): AsyncIterableIterator<SampleResult> {
    for await (const { result, end } of readResults(`${this.folder}/${RESULTS}`)) {
      if (end > this.#state.end) return;
      this.#check(result);
      if (variant === undefined || (result.setting ?? variant) === variant) yield result;
    }
  }

  /**
   * Yields the results of each sample, and leaves out a sample without the results of all variants.
   *
   * @throws {SyntaxError} As {@linkcode results} does.
   */
  async *samples(): AsyncIterableIterator<readonly SampleResult[]> {
    const { folder, record: { variants } } = this;
    for await (const lines of readSamples(`${folder}/${RESULTS}`, variants.length)) {
      if (lines.at(-1)!.end > this.#state.end) return;
      for (const { result } of lines) this.#check(result);
      yield lines.map(({ result }) => result);
    }
  }

  #check(result: SampleResult): void {
    const { status, setting } = result;
    const isOfAll = setting === undefined && (status === "skipped" || status === "failed");
    if (!isOfAll && !this.record.variants.includes(setting ?? "")) {
      throw this.fault(result, `its setting ${quote(setting ?? "")} is none of the run's`);
    }
    if (result.masks !== undefined && !areTruthMasks(result.masks)) {
      throw this.fault(result, "expected masks as PNG files, run lengths or polygons");
    }
    if (!isGrounded(result)) return;
    const { boxes, predicted = [], otherBoxes = [], confidence = [] } = result;
    if (![boxes, predicted, otherBoxes].every(areBoxes)) {
      throw this.fault(result, "expected boxes of four numbers each");
    }
    const { imageSize: size = { width: 1, height: 1 } } = result;
    if (![size?.width, size?.height].every((side) => Number.isSafeInteger(side) && side! > 0)) {
      throw this.fault(result, "expected whole pixels as the image's size");
    }
    if (!Array.isArray(confidence) || !confidence.every(Number.isFinite)) {
      throw this.fault(result, "expected a number as the confidence of each box");
    }
  }

  /** Makes the error about a result that the caller cannot use. */
  fault({ id }: SampleResult, reason: string, cause?: unknown): SyntaxError {
    return new SyntaxError(
      `Cannot ${this.#task} ${quote(id, 60)} of "${this.folder}": ${printable(reason)}`,
      { cause },
    );
  }

  /** Settings by which the run finished and scored the heatmaps of a variant. */
  settingsOf(variant = ""): Required<RescoreSettings> {
    return { ...this.settings, otsu: this.settings.otsu.get(variant)! };
  }

  /**
   * Whether the run stored a heatmap of a sample. Failed and skipped samples have none. A method
   * that predicts boxes stores none either.
   *
   * @param id The sample's id.
   * @param setting Name of the variant; left out if the run has one.
   */
  has(id: string, setting?: string): boolean {
    return this.#index.has(naming(id, setting));
  }

  /** True if the run stored no heatmap at all. */
  get isEmpty(): boolean {
    return this.#index.isEmpty;
  }

  /**
   * Rebuilds one heatmap.
   *
   * @param id The sample's id.
   * @param setting Name of the variant; left out if the run has one.
   * @throws {RangeError} If the run has no such heatmap.
   */
  async get(id: string, setting?: string): Promise<RunHeatmap> {
    const stored = await this.#index.get(naming(id, setting));
    const made = finishStored(stored, this.settingsOf(setting));
    const originalBox = made.box && toOriginal(made.box, stored.size, made.crop);
    return { ...stored, ...made, originalBox };
  }

  /**
   * Reads the stored heatmap of a result.
   *
   * @throws {SyntaxError} If `heatmaps.bin` lacks the heatmap.
   */
  async stored(result: SampleResult): Promise<StoredHeatmap> {
    const missing = this.missing([result]);
    if (missing) throw missing;
    return await this.#index.get(result);
  }

  /**
   * Reads the attention that the run keeps of a sample: the layers of each group of steps, a group
   * after another. The first call looks through the whole file.
   *
   * @throws {SyntaxError} If `attention.bin` lacks the sample.
   */
  async kept({ id }: Pick<SampleResult, "id">): Promise<StoredHeatmap> {
    const path = `${this.folder}/${ATTENTION}`;
    this.#attention ??= await HeatmapIndex.open(path);
    if (!this.#attention.has({ id })) throw new SyntaxError(lacks(path, { id }));
    return await this.#attention.get({ id });
  }

  /** Makes the error about the results without a stored heatmap; `undefined` if each has one. */
  missing(results: readonly SampleResult[]): SyntaxError | undefined {
    const [first, ...others] = results.filter((result) => !this.#index.has(result));
    return first && new SyntaxError(lacks(pathIn(this.folder), first, others.length));
  }

  /** Closes `heatmaps.bin` and `attention.bin`. */
  [Symbol.dispose](): void {
    this.#index[Symbol.dispose]();
    this.#attention?.[Symbol.dispose]();
  }
}

/** Collects paths from all results of a run. */
async function collect(
  folder: string,
  pathsOf: (result: SampleResult) => readonly string[],
): Promise<Set<string>> {
  const paths = new Set<string>();
  for await (const { result } of readResults(`${folder}/${RESULTS}`)) {
    for (const path of pathsOf(result)) paths.add(path);
  }
  return paths;
}

/** Paths of the files of a result's masks. */
function maskFiles(result: SampleResult): string[] {
  // The paths are collected before the masks are checked.
  const { masks }: { readonly masks?: unknown } = result;
  if (!areTruthMasks(masks)) return [];
  return masks.flatMap((mask) => mask.kind === "png" ? [mask.path] : []);
}

const pathIn = (folder: string) => `${folder}/${HEATMAPS}`;

/** State of a run's files at one time. */
interface State {
  /** Sizes and modification times of all files. */
  readonly text: string;
  /** Size of the results in bytes. */
  readonly end: number;
}

async function stateOf(folder: string): Promise<State> {
  const files = [RECORD, RESULTS, HEATMAPS].map((name) => stat(`${folder}/${name}`));
  const facts = await Promise.all(files);
  const text = facts.map((file) => file && `${file.size} ${file.mtime?.getTime()}`).join();
  return { text, end: facts[1]?.size ?? 0 };
}

function naming(id: string, setting: string | undefined) {
  return { id, ...(setting && { setting }) };
}

/** Accepts a list of boxes, each a list of numbers; scoring checks the boxes further. */
function areBoxes(boxes: unknown): boolean {
  return Array.isArray(boxes) &&
    boxes.every((box) => Array.isArray(box) && box.every((value) => typeof value === "number"));
}
