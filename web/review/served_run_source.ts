/// <reference lib="dom" />
import { coveredRegion } from "../../base/geometry.ts";
import { formatHtml } from "../../reports/tables/table_html.ts";
import { decodeParts } from "../parts.ts";
import type { RunOverview, SampleDetail, SampleRow } from "../review_api.ts";
import type { Shown } from "../viewer/shown.ts";
import { part } from "../page/parts_of_page.ts";
import { recordOfRun } from "./run_record.ts";
import type { LoadedResult, RunSource, SourceOverview } from "./run_source.ts";
import { factsOf, foundIn } from "./scores.ts";

/** Sends a request to the server; throws an error with the server's sentence on a refusal. */
type Fetch = (path: string) => Promise<Response>;

/** A decoded X-ray with the size of its file. */
type Picture = Pick<Shown, "gray" | "original">;

/** A run behind the server's addresses. */
export class ServedRunSource implements RunSource {
  readonly #fetch: Fetch;
  readonly #token: string;
  #overview: RunOverview | undefined;
  /** The last X-ray; the methods of a sample share it. */
  #picture: { readonly id: string; readonly read: Promise<Picture> } | undefined;

  /** @param token Key of the server, which a link to a sample needs. */
  constructor(fetch: Fetch, token: string) {
    [this.#fetch, this.#token] = [fetch, token];
  }

  async open(): Promise<SourceOverview> {
    const run = this.#overview = await (await this.#fetch("/api/run")).json() as RunOverview;
    const rows = await (await this.#fetch("/api/samples")).json() as SampleRow[];
    // Safe: formatHtml() escapes all texts.
    part("tables", HTMLElement).innerHTML = run.tables.map(formatHtml).join("");
    const more = run.done < run.planned ? `, ${run.done} of ${run.planned} samples done` : "";
    return { title: run.title + more, methods: run.settings, rows };
  }

  async load(row: SampleRow, ahead: readonly SampleRow[]): Promise<LoadedResult> {
    const { index, id, setting = "" } = row;
    // Name the sample: a run in progress may have another sample at this place by now.
    const query = new URLSearchParams({ id, setting });
    if (this.#picture?.id !== id) {
      const read = this.#read(`/api/samples/${index}/image?${query}`);
      // Try again at the next choice.
      read.catch(() => this.#picture = undefined);
      this.#picture = { id, read };
    }
    for (const { index } of ahead) query.append("next", String(index));
    const [detail, picture] = await Promise.all([
      this.#fetch(`/api/samples/${index}?${query}`)
        .then(async (response) => decodeParts(await response.arrayBuffer()) as SampleDetail),
      this.#picture.read,
    ]);
    const { result, heatmap, outline, fault } = detail;
    const { width, height } = picture.original;
    if (heatmap && (heatmap.image.width !== width || heatmap.image.height !== height)) {
      throw new Error(`The image of ${result.id} has another size than in the run`);
    }
    const { predicted } = "predicted" in result ? result : {};
    const { settings = {}, ...record } = recordOfRun(this.#overview!, result.setting);
    const shown: Shown = {
      ...picture,
      image: result.image ?? result.id,
      title: result.phrase ?? result.id,
      facts: factsOf(row, foundIn(result)),
      settings,
      notes: [...("notes" in result ? result.notes ?? [] : []), ...(fault ? [fault] : [])],
      crop: heatmap?.crop ?? coveredRegion({ width, height }, "whole"),
      size: heatmap?.size ?? 1,
      isGrid: heatmap?.isGrid ?? false,
      boxes: "boxes" in result ? result.boxes : [],
      ...(outline && { outline }),
      ...(predicted && { predicted }),
      ...(heatmap && { layers: heatmap.layers }),
      ...(heatmap && heatmap.otsu !== true && { cutAt: heatmap.otsu }),
    };
    return { shown, record, finish: heatmap, facts: [] };
  }

  linkTo(fragment: string): string {
    const url = new URL(location.href);
    if (this.#token) url.searchParams.set("token", this.#token);
    url.hash = fragment;
    return url.href;
  }

  async #read(path: string): Promise<Picture> {
    const response = await this.#fetch(path);
    const number = (name: string) => Number(response.headers.get(name));
    const spacing = response.headers.get("x-spacing");
    return {
      gray: {
        data: new Uint8Array(await response.arrayBuffer()),
        width: number("x-width"),
        height: number("x-height"),
        ...(spacing && { spacing: JSON.parse(spacing) }),
      },
      original: { width: number("x-original-width"), height: number("x-original-height") },
    };
  }
}
