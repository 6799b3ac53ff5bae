/// <reference lib="dom" />
import { printable } from "../../base/text.ts";
import { type View, WHOLE } from "../viewer/view.ts";
import type { Gallery } from "../page/gallery.ts";
import { input, make, makeButton, part, say, select, show, write } from "../page/parts_of_page.ts";
import type { LoadedResult, RunSource, SourceOverview } from "./run_source.ts";
import { gapOf, groupSamples, type ListedSample, rowOf, selectSamples } from "./sample_filter.ts";
import { scoreText, SHOWN_SCORES, type ShownScore } from "./scores.ts";
import { isTyping } from "../page/tools.ts";

/** Headings of the differences to the first method, in points of mIoU. */
const [GAP, MOST] = ["Δ mIoU", "largest difference"];

/** Choice that shows all methods side by side. */
const ALL = "all side by side";

/** Ids of the controls that filter and sort the list. */
const FILTERS =
  "search column category sample-status range-score range-from range-to sort descending".split(" ");

/** Lists a run's samples and shows the chosen sample. */
export class Review {
  readonly #source: RunSource;
  readonly #gallery: Gallery;
  #samples: readonly ListedSample[] = [];
  #listed: readonly ListedSample[] = [];
  #methods: readonly string[] = [];
  /** Headings of the list's columns. */
  #columns: readonly string[] = [];
  /** Place of the chosen sample among all samples. */
  #chosen: number | undefined;

  constructor(source: RunSource, gallery: Gallery) {
    [this.#source, this.#gallery] = [source, gallery];
  }

  /** Reads the run, and shows the sample of the page's address or the first of the list. */
  async open(): Promise<void> {
    const overview = await this.#source.open();
    this.#samples = groupSamples(overview.rows);
    this.#methods = overview.methods;
    for (const id of ["review", "about", "copy-link", "to-scores"]) show(id);
    write("run-title", overview.title);
    this.#offerChoices(overview);
    this.#listen();
    this.#list();
    await this.#goToLink() || this.#listed[0] && await this.#choose(this.#listed[0].place);
    performance.mark("ready");
  }

  #offerChoices({ rows, isComparison }: SourceOverview): void {
    const offerAll = (id: string, key: "category" | "status") =>
      offer(id, ["", ...new Set(rows.flatMap((row) => row[key] ?? []))]);
    offerAll("category", "category");
    offerAll("sample-status", "status");
    const isSeveral = this.#methods.length > 1;
    // Predicted boxes have one score only.
    const scores = SHOWN_SCORES.filter(({ name }) => rows.some((row) => row[name] !== undefined));
    const known = scores.map(({ heading }) => heading);
    // Several methods need the place of the absolute CNR, which the order still has.
    const kept = known.filter((_, i) => !isSeveral || scores[i]!.name !== "absCnr");
    this.#columns = ["phrase", ...kept, ...isSeveral ? [GAP] : []];
    part("column", HTMLElement).closest("label")!.hidden = !isSeveral;
    offer("column", isSeveral ? [ALL, ...this.#methods] : [""]);
    offer("range-score", known);
    offer("sort", ["dataset", "phrase", "class", ...known, ...isSeveral ? [GAP, MOST] : []]);
    if (isComparison) this.#sortBy(MOST, true);
  }

  #listen(): void {
    for (const id of FILTERS) part(id, HTMLElement).addEventListener("input", () => this.#list());
    select("column").addEventListener("input", () => {
      if (this.#chosen !== undefined) this.#choose(this.#chosen);
    });
    const list = part("list", HTMLElement);
    list.addEventListener("click", ({ target }) => {
      const place = (target as Element).closest<HTMLElement>("[data-place]")?.dataset.place;
      if (place !== undefined) this.#choose(Number(place));
    });
    list.addEventListener("keydown", (event) => {
      const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (by === 0) return;
      event.preventDefault();
      this.#step(by);
    });
    document.addEventListener("keydown", (event) => {
      const key = event.key.toLowerCase();
      const by = key === "j" ? 1 : key === "k" ? -1 : 0;
      if (by !== 0 && !isTyping(event)) this.#step(by);
    });
    this.#gallery.onChange = () => this.#writeLink();
    addEventListener("hashchange", () => this.#goToLink());
    part("copy-link", HTMLElement).addEventListener("click", () => {
      this.#writeLink();
      const link = this.#source.linkTo(location.hash);
      navigator.clipboard?.writeText(link).then(
        () => write("status", "Link copied."),
        () => say(`Copy this link: ${link}`),
      );
    });
  }

  #writeLink(): void {
    const sample = this.#samples[this.#chosen ?? -1];
    if (!sample) return;
    const query = new URLSearchParams({ sample: sample.rows[0]!.id });
    const method = this.#method();
    if (method) query.set("setting", method);
    const { x, y, zoom } = this.#gallery.state().view;
    if (zoom !== 1) query.set("view", [x, y, zoom].map((part) => part.toFixed(6)).join());
    // An address of the same document needs no request; a report has no other address.
    history.replaceState(null, "", `#${query}`);
  }

  /** Shows sample, method and view of the page's address; `false` if it names none of the run. */
  async #goToLink(): Promise<boolean> {
    const query = new URLSearchParams(location.hash.slice(1));
    const [id, method] = [query.get("sample"), query.get("setting")];
    const sample = this.#samples.find(({ rows: [row] }) => row!.id === id);
    // A leaderboard's link names a method alone.
    if (method !== null && this.#methods.includes(method)) {
      select("column").value = method;
      this.#list();
    }
    if (!sample) return false;
    await this.#choose(sample.place);
    this.#gallery.setView(viewIn(query.get("view") ?? ""));
    return true;
  }

  /** Gives the chosen method; empty for all. */
  #method(): string {
    const { value } = select("column");
    return value === ALL ? "" : value;
  }

  #list(): void {
    const { samples, unscored } = selectSamples(this.#samples, this.#wanted());
    this.#listed = samples;
    const hidden = unscored > 0 ? `, ${unscored} without this score left out` : "";
    write("count", `${samples.length} of ${this.#samples.length} samples${hidden}`);
    const body = make("tbody", samples.map((sample) => this.#row(sample)));
    part("list", HTMLElement).replaceChildren(this.#head(), body);
    this.#mark();
  }

  /** Marks the chosen sample in the list. */
  #mark(): void {
    const list = part("list", HTMLElement);
    list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    const row = document.getElementById(`sample-${this.#chosen}`);
    row?.setAttribute("aria-selected", "true");
    if (row) list.setAttribute("aria-activedescendant", row.id);
    else list.removeAttribute("aria-activedescendant");
  }

  #head(): HTMLElement {
    const sorted = select("sort").value;
    const isDescending = input("descending").checked;
    const heads = this.#columns.map((name) => {
      const isSorted = sorted === name;
      const mark = isSorted ? isDescending ? " ▾" : " ▴" : "";
      const content = [
        name === "phrase" ? "Phrase" : name,
        make("span", mark, { ariaHidden: "true" }),
      ];
      const button = makeButton(content, () => {
        // Scores begin with the best, phrases with A.
        this.#sortBy(name, isSorted ? !isDescending : name !== "phrase");
        this.#list();
        document.querySelector<HTMLElement>(`#list [data-key="${name}"] button`)?.focus();
      });
      const head = make("th", [button], {
        scope: "col",
        className: name === "phrase" ? "" : "number",
        ariaSort: isSorted ? isDescending ? "descending" : "ascending" : "none",
      });
      head.dataset.key = name;
      return head;
    });
    return make("thead", [make("tr", heads)]);
  }

  #sortBy(name: string, isDescending: boolean): void {
    select("sort").value = name;
    input("descending").checked = isDescending;
  }

  #row(sample: ListedSample): HTMLElement {
    const row = rowOf(sample, this.#method());
    const phrase = row.phrase || row.id;
    const about = row.status === "scored" ? row.category ?? "" : row.status;
    const gap = gapOf(sample);
    const texts = this.#columns.slice(1).map((name) => {
      if (name !== GAP) return scoreText(scoreOf(name)!, row[scoreOf(name)!.name]);
      return gap === undefined ? "" : `${gap > 0 ? "+" : ""}${(100 * gap).toFixed(1)}`;
    });
    const element = make("tr", [
      make("td", [phrase, make("br"), make("small", about)], { title: phrase }),
      ...texts.map((text) => make("td", text)),
    ], { id: `sample-${sample.place}`, ariaSelected: "false" });
    element.dataset.place = String(sample.place);
    return element;
  }

  #step(by: number): void {
    const at = this.#listed.findIndex(({ place }) => place === this.#chosen);
    const next = this.#listed[Math.min(Math.max(at + by, 0), this.#listed.length - 1)];
    if (next && next.place !== this.#chosen) this.#choose(next.place, by);
  }

  /**
   * Shows a sample, by all methods or by the chosen method.
   *
   * @param place Place of the sample in the run, from 0.
   * @param by Direction of the user's step, 1 or -1; the source reads ahead mostly that way.
   */
  async #choose(place: number, by = 1): Promise<void> {
    this.#chosen = place;
    this.#mark();
    document.getElementById(`sample-${place}`)?.scrollIntoView({ block: "nearest" });
    const at = this.#listed.findIndex((sample) => sample.place === place);
    const method = this.#method();
    const ahead = [at + by, at + 2 * by, at + 3 * by, at - by].flatMap((place) => {
      const sample = this.#listed[place];
      return sample ? rowOf(sample, method) : [];
    });
    const sample = this.#samples[place]!;
    const rows = method === "" ? sample.rows : [rowOf(sample, method)];
    // Until the new sample is read, the old picture stays with its own caption.
    const viewers = part("viewers", HTMLElement);
    viewers.ariaBusy = "true";
    try {
      const loaded = await Promise.all(rows.map((row) => this.#source.load(row, ahead)));
      // The user has chosen another sample meanwhile.
      if (this.#chosen !== place) return;
      this.#show(loaded, rows.map(({ setting }) => setting));
    } catch (error) {
      if (this.#chosen !== place) return;
      this.#gallery.clear();
      say((error as Error).message);
    }
    viewers.ariaBusy = "false";
    this.#writeLink();
  }

  #show(loaded: readonly LoadedResult[], methods: readonly (string | undefined)[]): void {
    const [first] = loaded as [LoadedResult];
    say(undefined);
    const isSeveral = this.#methods.length > 1;
    const { finish } = loaded.find(({ finish }) => finish) ?? {};
    // The bar's control serves all methods: automatic means each method's own threshold.
    if (finish) this.#gallery.controls.useSettings(finish.sigma, isSeveral || finish.otsu);
    const pictures = loaded.map(({ shown }, i) => {
      if (!isSeveral) return shown;
      const { title, phrase = title } = shown;
      return { ...shown, title: `${methods[i] ?? "all"}: ${title}`, phrase };
    });
    const find = () => Promise.resolve(first.record);
    const model = first.record.model?.path;
    this.#gallery.show(pictures, { ...(model && { model }), find });
    const facts = loaded.flatMap(({ facts, shown: { notes } }, i) => {
      const own = [...facts, ...notes.map((note) => ["note", note] as const)];
      return isSeveral && own.length > 0 ? [["method", methods[i] ?? ""] as const, ...own] : own;
    });
    part("sample-facts", HTMLElement).replaceChildren(
      ...facts.flatMap(([name, text]) => [make("dt", name), make("dd", printable(text, 2000))]),
    );
  }

  /** Reads the controls that filter and sort. */
  #wanted() {
    const [score, sort] = [scoreOf(select("range-score").value), select("sort").value];
    const [from, to] = [input("range-from").valueAsNumber, input("range-to").valueAsNumber];
    const hasRange = score && !(Number.isNaN(from) && Number.isNaN(to));
    const gaps: Record<string, "gap" | "most"> = { [GAP]: "gap", [MOST]: "most" };
    return {
      words: input("search").value,
      category: select("category").value,
      status: select("sample-status").value,
      method: this.#method(),
      ...(hasRange && { range: { score, from, to } }),
      sort: scoreOf(sort) ?? gaps[sort] ?? sort as "dataset" | "phrase" | "class",
      descending: input("descending").checked,
    };
  }
}

/** Reads a view of the page's address, as `x,y,zoom`; the whole X-ray if it is no view. */
function viewIn(text: string): View {
  const [x, y, zoom] = text.split(",").map(Number);
  const isView = [x, y].every((place) => place! >= 0 && place! <= 1) && zoom! > 0 && zoom! <= 16;
  return isView ? { x: x!, y: y!, zoom: zoom! } : WHOLE;
}

/** Finds a score by its heading. */
function scoreOf(heading: string): ShownScore | undefined {
  return SHOWN_SCORES.find((score) => score.heading === heading);
}

/** Fills a list of choices; an empty value is shown as "all". */
function offer(id: string, values: readonly string[]): void {
  select(id).replaceChildren(...values.map((value) => make("option", value || "all", { value })));
}
