import type { Flags, FlagValues } from "../base/options.ts";
import type { Dataset } from "../datasets/open_dataset.ts";
import type { TrainingSet } from "../datasets/training.ts";
import type { Runtime } from "../models/runtime/runtime.ts";
import type { Method } from "../pipeline/method.ts";
import type { ResolvedSettings } from "../pipeline/settings/settings.ts";
import type { Gpu } from "../shaders/device.ts";

/** Runtime and GPU that a model runs on. */
export interface Backend {
  /** Runtime that runs the model. */
  readonly runtime: Runtime;
  /** GPU that computes the heatmaps; absent if the CPU does. */
  readonly gpu?: Gpu;
}

/** Services of the caller for {@linkcode MethodRow.choose}. */
export interface MethodContext {
  /** Samples may have a class. */
  readonly hasClasses: boolean;
  /** Opens the runtime and the GPU, once for all methods. */
  backend(): Promise<Backend>;
  /** Receives a sentence of information. */
  say(notice: string): void;
  /** Receives a sentence that the user should not miss. */
  warn(notice: string): void;
}

/** A whole dataset, and the folder that contains its images. */
export interface WholeDataset {
  /** The dataset without shard and limit. */
  readonly dataset: Dataset;
  /** Folder that contains the images, directly or in subfolders. */
  readonly root: string;
}

/** A method with its options checked, before it takes seconds to load. */
export interface ChosenMethod {
  /** Facts that decide the method's results, for `run.json`. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Facts that include the paths of files; they override `facts` outside `run.json`. */
  readonly source: Readonly<Record<string, unknown>>;
  /**
   * Names of the variants in the results.
   *
   * @default {A single variant without a name}
   */
  readonly variants?: readonly string[];
  /** Sentences for every result, for example that the model knows only phantoms. */
  readonly notes?: readonly string[];
  /** Settings of the stages; absent if the method has none. */
  readonly settings?: ResolvedSettings;
  /** Bytes of each phrase's kept attention on the disk; absent if the method keeps none. */
  readonly keptBytes?: number;
  /**
   * Loads the method.
   *
   * @param whole Opens the dataset without shard and limit, to match predictions with its images.
   */
  open(whole: () => Promise<WholeDataset>): Promise<Method>;
}

/** A row of the registry: a method, its options and its files. */
export interface MethodRow<F extends Flags = Record<never, never>> {
  /** Name in tables. */
  readonly label: string;
  /** Results of the method. A method that predicts boxes has no heatmaps. */
  readonly gives: "heatmaps" | "boxes";
  /**
   * Sentences about a run of the method for the caption of its tables, such as data of the test that
   * the model was trained on.
   *
   * @param facts Facts about the method in the run's record.
   */
  cautions?(facts: Readonly<Record<string, unknown>>): readonly string[];
  /**
   * Data that the method was trained on; `undefined` if that is not known. Absent if the method's
   * files decide. Of a module of one's own the run keeps the answer.
   *
   * @param facts Facts about the method in the run's record; empty before a run.
   */
  trained?(facts: Readonly<Record<string, unknown>>): readonly TrainingSet[] | undefined;
  /** Option that names the method's files: a folder, or a file of predictions. */
  readonly source: {
    readonly option: "model" | "predictions";
    /**
     * Description of the files, for the message if they are missing; of predictions, after the
     * option's name.
     */
    readonly needs?: string;
    /** Files to take if the option is absent; by default the option is needed. */
    readonly default?: string;
    /** Option for the folder of a part, which is taken for the model's if `option` is absent. */
    readonly part?: "unet";
    /** Method beside this method, of which this method takes the model if it has none of its own. */
    readonly follows?: string;
  } | undefined;
  /** Options that affect this method alone. */
  readonly flags: F & Flags;
  /** Further options of `eval` that affect this method alone. */
  readonly evalFlags?: Flags;
  /** Further options of `ground` that affect this method alone. */
  readonly groundFlags?: Flags;
  /** Names of options that only work if no other method runs beside this method. */
  readonly aloneFlags?: readonly string[];
  /** Returns the paths that the options name, beside the source. */
  paths?(values: FlagValues<F>): {
    readonly read?: readonly (string | undefined)[];
    readonly write?: readonly (string | undefined)[];
  };
  /**
   * Checks the options and the files. The check should be quick; loading may wait for `open()`.
   *
   * @param source The method's files; empty if the row has no source.
   * @param values Values of the options.
   * @throws {UsageError} If options contradict each other.
   * @throws {Error} If a file is missing or malformed.
   */
  choose(source: string, values: FlagValues<F>, context: MethodContext): Promise<ChosenMethod>;
}
