/// <reference lib="dom" />
/**
 * Reviews a run: its tables, its list of samples, and the chosen sample's picture.
 *
 * @module
 */

import { coveredRegion } from "../../base/geometry.ts";
import { decodeParts } from "../parts.ts";
import { boxTexts } from "../../reports/box_text.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import type { ResultRecord } from "../../reports/result_json.ts";
import type { RunOverview, SampleDetail, SampleHeatmap, SampleRow } from "../review_api.ts";
import type { Gallery } from "./gallery.ts";
import { make, part, say } from "./parts_of_page.ts";
import { recordOfRun } from "./run_record.ts";
import { selectSamples, type Wanted } from "./sample_filter.ts";
import { scoreText, SHOWN_SCORES } from "./scores.ts";
import type { Shown } from "../viewer/shown.ts";
import { tableElement } from "./tables.ts";

/** Sends a request to the server; throws an error with the server's sentence on a refusal. */
export type Fetch = (path: string) => Promise<Response>;

const HEADINGS = SHOWN_SCORES.map(({ heading }) => heading);

/** Ids of the controls that filter and sort the list. */
const FILTERS = [
  "search",
  "category",
  "sample-status",
  "range-score",
  "range-from",
  "range-to",
  "sort",
  "descending",
];

/** A sample ready to show. */
interface Loaded {
  readonly shown: Shown;
  /** Model, versions and run of the heatmap, for exports. */
  readonly record: ResultRecord;
  /** The run's Gaussian and threshold; `undefined` without a heatmap. */
  readonly finish: Pick<SampleHeatmap, "sigma" | "otsu"> | undefined;
}

/** Lists a run's samples and shows the chosen sample. */
export class Review {
  readonly #fetch: Fetch;
  readonly #gallery: Gallery;
  #rows: SampleRow[] = [];
  #listed: readonly SampleRow[] = [];
  #chosen: number | undefined;
  #overview: RunOverview | undefined;

  constructor(fetch: Fetch, gallery: Gallery) {
    [this.#fetch, this.#gallery] = [fetch, gallery];
  }

  /** Reads the run, and shows the first sample of the list. */
  async open(): Promise<void> {
    const run = this.#overview = await (await this.#fetch("/api/run")).json() as RunOverview;
    this.#rows = await (await this.#fetch("/api/samples")).json();
    part("review", HTMLElement).hidden = false;
    const more = run.done < run.planned ? `, ${run.done} of ${run.planned} samples done` : "";
    part("run-title", HTMLElement).textContent = run.title + more;
    part("tables", HTMLElement).replaceChildren(...run.tables.map(tableElement));
    const distinct = (key: "category" | "status") => [
      "",
      ...new Set(this.#rows.flatMap((row) => row[key] ?? [])),
    ];
    offer("category", distinct("category"));
    offer("sample-status", distinct("status"));
    offer("range-score", HEADINGS);
    offer("sort", ["dataset", "phrase", "class", ...HEADINGS]);
    for (const id of FILTERS) {
      part(id, HTMLElement).addEventListener("input", () => this.#list());
    }
    const list = part("list", HTMLElement);
    list.addEventListener("click", (event) => {
      const index = (event.target as Element).closest<HTMLElement>("[data-index]")?.dataset.index;
      if (index !== undefined) this.#choose(Number(index));
    });
    list.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") event.preventDefault();
      if (event.key === "ArrowDown") this.#step(1);
      if (event.key === "ArrowUp") this.#step(-1);
    });
    document.addEventListener("keydown", (event) => {
      // Text fields and lists of choices use letters themselves.
      const { target, ctrlKey, metaKey, altKey } = event;
      const isTyping = target instanceof HTMLInputElement && /search|number/.test(target.type);
      if (isTyping || target instanceof HTMLSelectElement || ctrlKey || metaKey || altKey) return;
      if (event.key === "j") this.#step(1);
      if (event.key === "k") this.#step(-1);
    });
    this.#list();
    if (this.#listed[0]) await this.#choose(this.#listed[0].index);
  }

  #list(): void {
    const { rows, unscored } = selectSamples(this.#rows, wanted());
    this.#listed = rows;
    const hidden = unscored > 0 ? `, ${unscored} without this score left out` : "";
    part("count", HTMLElement).textContent =
      `${rows.length} of ${this.#rows.length} samples${hidden}`;
    const head = rowElement(["Phrase", "Class", ...HEADINGS, "Status"]);
    head.classList.add("head");
    // Screen readers need no head: each row's label names its scores.
    head.ariaHidden = "true";
    const list = part("list", HTMLElement);
    list.replaceChildren(head, ...this.#listed.map((row) => this.#row(row)));
    if (this.#listed.some(({ index }) => index === this.#chosen)) {
      list.setAttribute("aria-activedescendant", `sample-${this.#chosen}`);
    } else list.removeAttribute("aria-activedescendant");
  }

  #row(row: SampleRow): HTMLElement {
    const scores = SHOWN_SCORES.map((score) => scoreText(score, row[score.name]));
    const setting = row.setting ? ` (${row.setting})` : "";
    const cells = [(row.phrase ?? row.id) + setting, row.category ?? "", ...scores, row.status];
    const element = rowElement(cells);
    element.id = `sample-${row.index}`;
    element.dataset.index = String(row.index);
    element.setAttribute("role", "option");
    const named = scores.flatMap((text, i) => text && `${HEADINGS[i]} ${text}`);
    element.ariaLabel = [...cells.slice(0, 2), ...named, row.status].filter(Boolean).join(", ");
    element.setAttribute("aria-selected", String(row.index === this.#chosen));
    return element;
  }

  #step(by: number): void {
    const at = this.#listed.findIndex(({ index }) => index === this.#chosen);
    const next = this.#listed[Math.min(Math.max(at + by, 0), this.#listed.length - 1)];
    if (next && next.index !== this.#chosen) this.#choose(next.index, by);
  }

  /**
   * Shows a sample.
   *
   * @param index Place of the sample in the run's list, from 0.
   * @param by Direction of the user's step, 1 or -1; the server reads ahead mostly that way.
   */
  async #choose(index: number, by = 1): Promise<void> {
    const list = part("list", HTMLElement);
    list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    this.#chosen = index;
    const element = document.getElementById(`sample-${index}`);
    element?.setAttribute("aria-selected", "true");
    element?.scrollIntoView({ block: "nearest" });
    list.setAttribute("aria-activedescendant", `sample-${index}`);
    const at = this.#listed.findIndex((row) => row.index === index);
    const ahead = [at + by, at + 2 * by, at + 3 * by, at - by]
      .flatMap((place) => this.#listed[place]?.index ?? []);
    // Until the new sample is read, the old picture stays with its own caption.
    const viewers = part("viewers", HTMLElement);
    viewers.ariaBusy = "true";
    try {
      const { shown, record, finish } = await this.#load(this.#rows[index]!, ahead);
      // The user has chosen another sample meanwhile.
      if (this.#chosen !== index) return;
      say(undefined);
      if (finish) this.#gallery.useSettings(finish.sigma, finish.otsu);
      this.#gallery.show([shown], () => Promise.resolve(record));
    } catch (error) {
      if (this.#chosen !== index) return;
      this.#gallery.clear();
      say((error as Error).message);
    }
    viewers.ariaBusy = "false";
  }

  async #load({ index, id, setting = "" }: SampleRow, ahead: readonly number[]): Promise<Loaded> {
    // Name the sample: a run in progress may have another sample at this place by now.
    const query = new URLSearchParams({ id, setting });
    const image = `/api/samples/${index}/image?${query}`;
    for (const next of ahead) query.append("next", String(next));
    const [detail, picture] = await Promise.all([
      this.#fetch(`/api/samples/${index}?${query}`)
        .then(async (response) => decodeParts(await response.arrayBuffer()) as SampleDetail),
      this.#fetch(image).then(async (response) => {
        const number = (name: string) => Number(response.headers.get(name));
        return {
          gray: {
            data: new Uint8Array(await response.arrayBuffer()),
            width: number("x-width"),
            height: number("x-height"),
          },
          original: { width: number("x-original-width"), height: number("x-original-height") },
        };
      }),
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
      facts: factsOf(result),
      settings,
      notes: [...("notes" in result ? result.notes ?? [] : []), ...(fault ? [fault] : [])],
      crop: heatmap?.crop ?? coveredRegion({ width, height }, "whole"),
      size: heatmap?.size ?? 1,
      isGrid: heatmap?.isGrid ?? false,
      boxes: "boxes" in result ? result.boxes : [],
      ...(outline && { outline }),
      ...(predicted && { predicted }),
      ...(heatmap && { layers: heatmap.layers }),
    };
    return { shown, record, finish: heatmap };
  }
}

/** Predicted boxes and scores of a result, or the reason why it has none. */
function factsOf(result: SampleResult): string {
  if ("predicted" in result && result.predicted) {
    const boxes = boxTexts(result.predicted, result.confidence).join("; ") || "no box";
    if (result.status !== "scored") return boxes;
    return `${boxes}, IoU ${(100 * result.miou).toFixed(1)} %`;
  }
  if (result.status === "scored") {
    return SHOWN_SCORES.map((score) => `${score.heading} ${scoreText(score, result[score.name])}`)
      .join(", ");
  }
  return "reason" in result ? `${result.status}: ${result.reason}` : result.status;
}

function rowElement(cells: readonly string[]): HTMLElement {
  const element = make("div", "", { className: "row" });
  element.append(...cells.map((text) => make("span", text, { title: text })));
  return element;
}

/** Reads the controls that filter and sort. */
function wanted(): Wanted {
  const value = (id: string) => part(id, HTMLSelectElement).value;
  const number = (id: string) => part(id, HTMLInputElement).valueAsNumber;
  const scoreOf = (id: string) => SHOWN_SCORES.find(({ heading }) => heading === value(id));
  const [from, to] = [number("range-from"), number("range-to")];
  const hasRange = !(Number.isNaN(from) && Number.isNaN(to));
  return {
    words: part("search", HTMLInputElement).value,
    category: value("category"),
    status: value("sample-status"),
    ...(hasRange && { range: { score: scoreOf("range-score")!, from, to } }),
    sort: scoreOf("sort") ?? value("sort") as "dataset" | "phrase" | "class",
    descending: part("descending", HTMLInputElement).checked,
  };
}

/** Fills a list of choices; an empty value is shown as "all". */
function offer(id: string, values: readonly string[]): void {
  part(id, HTMLSelectElement).replaceChildren(
    ...values.map((value) => make("option", value || "all", { value })),
  );
}
