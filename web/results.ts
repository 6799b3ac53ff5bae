/**
 * What a page asks of the server to review a run, and what it answers; an error is
 * `{ error }`, a sentence, with a status of 400 or more.
 *
 * - `GET /api/server`: {@linkcode ServerFacts}, the only answer that needs no token.
 * - `GET /api/run`: {@linkcode RunOverview}; reads the run again if it went on.
 * - `GET /api/samples`: {@linkcode SampleRow}s.
 * - `GET /api/samples/N?next=M`: {@linkcode SampleDetail} as `decodeParts` of `parts.ts` reads
 *   it. `next`, which may be given several times, names samples to be asked for next.
 * - `GET /api/samples/N/image`: the X-ray, a byte a pixel, at a size that `x-width` and
 *   `x-height` tell; `x-original-width` and `x-original-height` are those of its file.
 *
 * Both take `id` and `setting`, and refuse where result N is not the one of that name: a run that
 * went on may have another at that place.
 *
 * @module
 */

import type { SampleResult } from "../pipeline/evaluate.ts";
import type { AveragedLayer } from "../pipeline/postprocess.ts";
import type { CropRegion, Size } from "../base/geometry.ts";
import type { ResultTable } from "../reports/tables/result_table.ts";
import type { ScoreName } from "../scoring/score_heatmap.ts";

/** What the server is for. */
export interface ServerFacts {
  /** Groundray's version. */
  readonly version: string;
  /** Where the model runs: in the page, or on this machine behind `/api/engine`. */
  readonly on: "page" | "server";
  /**
   * What the page computes on, heatmaps and the model where it runs it: the browser's GPU where it
   * is hardware, its GPU whatever it is, or the processor.
   */
  readonly device: "auto" | "gpu" | "cpu";
  /** Whether it shows a run. */
  readonly results: boolean;
  /** Whether requests to `/api` need the token. */
  readonly token: boolean;
}

/** A run as a whole. */
export interface RunOverview {
  /** Its folder, as the command was given it. */
  readonly title: string;
  /** What was run: settings, model, versions, dataset. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Names of its settings; one empty name where there is only the run itself. */
  readonly settings: readonly string[];
  /** Samples that are to have results. */
  readonly planned: number;
  /** Samples that have. */
  readonly done: number;
  /** Its tables: scores by class, and further protocols where there are any. */
  readonly tables: readonly ResultTable[];
}

/** One result in the list. */
export interface SampleRow extends Partial<Record<ScoreName, number>> {
  /** Its place in the list, by which it is asked for. */
  readonly index: number;
  /** The sample's id. */
  readonly id: string;
  /** What became of it. */
  readonly status: SampleResult["status"];
  /** The phrase. */
  readonly phrase?: string;
  /** The class. */
  readonly category?: string;
  /** The setting, where there are several. */
  readonly setting?: string;
  /** Why it was left out. */
  readonly reason?: string;
}

/** What a heatmap is finished from. */
export interface SampleHeatmap {
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** Size of the X-ray in pixels. */
  readonly image: Size;
  /** The square of the X-ray that it covers. */
  readonly crop: CropRegion;
  /** Mean attention of each layer, before it is resized. */
  readonly layers: readonly AveragedLayer[];
  /** Standard deviation of the run's Gaussian. */
  readonly sigma: number;
  /** Whether the run cut it at Otsu's threshold. */
  readonly otsu: boolean;
  /** Whether the only layer is a baseline's heatmap as it is. */
  readonly isGrid: boolean;
}

/** One result with all that is known of it. */
export interface SampleDetail {
  /** The result, as `results.jsonl` has it. */
  readonly result: SampleResult;
  /** What its heatmap is made of; absent where there is none. */
  readonly heatmap?: SampleHeatmap;
}
