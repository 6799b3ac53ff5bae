/**
 * Requests of a page that reviews a run, and the server's answers. An error is `{ error }`, a
 * sentence, with a status of 400 or more.
 *
 * - `GET /api/server`: {@linkcode ServerFacts}, the only answer that needs no token.
 * - `GET /api/run`: {@linkcode RunOverview}; reads the run again if its files changed.
 * - `GET /api/samples`: {@linkcode SampleRow}s.
 * - `GET /api/samples/N?next=M`: {@linkcode SampleDetail}, to read with `decodeParts` of
 *   `parts.ts`. The server decodes the X-ray of each sample `next` in advance; `next` may repeat.
 * - `GET /api/samples/N/image`: the X-ray, one byte per pixel. `x-width` and `x-height` give its
 *   size; `x-original-width` and `x-original-height` give the size of its file, and `x-spacing` the
 *   distances between rows and between columns of a DICOM file in mm, as `[row, column]`.
 *
 * The last two take `id` and `setting`. The server refuses the request if result N has another id
 * or setting: a run in progress may have another result at that place.
 *
 * @module
 */

import type { SampleResult } from "../pipeline/evaluate.ts";
import type { AveragedLayer } from "../pipeline/postprocess.ts";
import type { Ring } from "../base/outline.ts";
import type { CropRegion, Size } from "../base/geometry.ts";
import type { ResultTable } from "../reports/tables/result_table.ts";
import type { ScoreName } from "../scoring/score_heatmap.ts";

/** Facts of the server that decide how the page starts. */
export interface ServerFacts {
  /** Groundray's version. */
  readonly version: string;
  /** Where the model runs: in the page, or on this machine behind `/api/engine`. */
  readonly on: "page" | "server";
  /**
   * Device for the page's heatmaps, and for the model if the page runs it. `auto` takes the
   * browser's GPU if that is hardware; `gpu` takes any GPU; `cpu` takes the processor.
   */
  readonly device: "auto" | "gpu" | "cpu";
  /** Whether the server shows a run. */
  readonly results: boolean;
  /** Whether requests to `/api/` need the token. */
  readonly token: boolean;
}

/** Facts and tables of a whole run. */
export interface RunOverview {
  /** The run's folder, as given to the command. */
  readonly title: string;
  /** Facts of the run's record: settings, model, versions, dataset. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Names of the run's settings; one empty name if the run has no separate settings. */
  readonly settings: readonly string[];
  /** Number of samples in the run's plan. */
  readonly planned: number;
  /** Number of samples with results. */
  readonly done: number;
  /** Tables of the run: scores by class, then the other protocols if the run has them. */
  readonly tables: readonly ResultTable[];
}

/** One result in the list of results. */
export interface SampleRow extends Partial<Record<ScoreName, number>> {
  /** Place in the list, from 0: N in `/api/samples/N`. */
  readonly index: number;
  /** The sample's id. */
  readonly id: string;
  /** Outcome of the sample. */
  readonly status: SampleResult["status"];
  /** The sample's phrase. */
  readonly phrase?: string;
  /** The sample's class. */
  readonly category?: string;
  /** Name of the setting; absent if the run has no separate settings. */
  readonly setting?: string;
  /** Reason why the sample was skipped or failed. */
  readonly reason?: string;
}

/** Stored attention and geometry from which the page finishes a heatmap. */
export interface SampleHeatmap {
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** Size of the X-ray in pixels. */
  readonly image: Size;
  /** The square of the X-ray that the heatmap covers. */
  readonly crop: CropRegion;
  /** Mean attention of each layer, at the layer's own size. */
  readonly layers: readonly AveragedLayer[];
  /** Standard deviation of the run's Gaussian in heatmap pixels. */
  readonly sigma: number;
  /** True if the run cut the heatmap at Otsu's threshold, or the run's own threshold. */
  readonly otsu: boolean | number;
  /** Whether `layers` holds a baseline's own heatmap, which takes no resize or Gaussian. */
  readonly isGrid: boolean;
}

/** One result with the source of its heatmap. */
export interface SampleDetail {
  /** The result, as in `results.jsonl`. */
  readonly result: SampleResult;
  /** Source of the heatmap; absent if the run stored none for this result. */
  readonly heatmap?: SampleHeatmap;
  /** Outline of the masks that state the ground truth, in pixels of the X-ray's file. */
  readonly outline?: readonly Ring[];
  /** Reason for a missing outline, as a sentence. */
  readonly fault?: string;
}
