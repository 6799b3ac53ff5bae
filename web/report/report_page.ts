/// <reference lib="dom" />
import { coveredRegion } from "../../base/geometry.ts";
import type { Ring } from "../../base/outline.ts";
import { Gallery } from "../page/gallery.ts";
import { part, say, show } from "../page/parts_of_page.ts";
import { listenToTools } from "../page/tools.ts";
import { Review } from "../review/review.ts";
import type { LoadedResult, RunSource, SourceOverview } from "../review/run_source.ts";
import { factsOf } from "../review/scores.ts";
import type { SampleRow } from "../review_api.ts";
import type { Shown } from "../viewer/shown.ts";
import { listenToTheme } from "../viewer/theme.ts";
import type { ReportRow } from "./_rows.ts";

/** Most X-rays, heatmaps and outlines that stay decoded. */
const MOST_KEPT = 60;

/** Resolves when the whole page is parsed: the pictures come after the script. */
const wholePage = new Promise((resolve) => {
  document.addEventListener("DOMContentLoaded", resolve, { once: true });
});

/** A run whose data are in the page. */
class EmbeddedRun implements RunSource {
  readonly #kept = new Map<string, Promise<unknown>>();
  #rows: readonly ReportRow[] = [];

  open(): Promise<SourceOverview> {
    const json = (id: string) => JSON.parse(document.getElementById(id)!.textContent!);
    this.#rows = json("rows");
    return Promise.resolve({ ...json("report"), rows: this.#rows });
  }

  async load({ index }: SampleRow, ahead: readonly SampleRow[]): Promise<LoadedResult> {
    const loaded = await this.#load(this.#rows[index]!);
    // Decode the samples that come next while the user looks at this one.
    setTimeout(() => {
      for (const { index } of ahead) this.#load(this.#rows[index]!).catch(() => {});
    });
    return loaded;
  }

  linkTo(fragment: string): string {
    return new URL(fragment, location.href).href;
  }

  async #load(row: ReportRow): Promise<LoadedResult> {
    if (row.xray === null) {
      throw new Error(`${row.id} ${row.reason ? factsOf(row) : "names no X-ray"}`);
    }
    const isGrounded = row.status === "scored" || row.status === "grounded";
    const name = `image-${row.xray}`;
    const [xray, heatmap, outline] = await Promise.all([
      this.#once(name, xrayOf).catch(({ message }: Error) => {
        throw new Error(`No X-ray of ${row.id}: ${message}`);
      }),
      // A heatmap that is missing has its reason in the page's list of missing parts.
      isGrounded && !row.predicted
        ? this.#once(`heatmap-${row.index}`, heatmapOf).catch(() => undefined)
        : undefined,
      row.truth === undefined ? [] : this.#once(`truth-${row.truth}`, truthOf).catch(() => []),
    ]);
    const { original } = xray;
    const details = [
      ["id", row.id],
      ["class", row.category],
      ["status", row.status],
      ["threshold as scored", row.threshold?.toFixed(3)],
      ["grey", document.getElementById(name)?.dataset.grey],
      ["true boxes", row.boxes.map((box) => `[${box.join(", ")}]`).join(" ")],
      ["true masks", row.masks?.join("; ")],
      ["predicted", row.found?.join("; ")],
      ["reason", row.reason],
    ] as const;
    return {
      shown: {
        ...xray,
        image: row.path || row.id,
        title: row.phrase || row.id,
        facts: factsOf(row, row.found),
        settings: {},
        notes: row.notes,
        ...{ crop: coveredRegion(original, "whole"), size: 1, isGrid: true, boxes: row.boxes },
        ...(heatmap && { ...heatmap, cutAt: row.threshold ?? false }),
        ...(outline.length > 0 && { outline }),
        ...(row.predicted && { predicted: row.predicted }),
      },
      record: { run: document.title },
      finish: undefined,
      facts: details.flatMap(([name, text]) => text ? [[name, text] as const] : []),
    };
  }

  /** Makes an object from an element of the page, or returns the kept object of an earlier call. */
  #once<T>(name: string, make: (element: HTMLElement) => T | Promise<T>): Promise<T> {
    const known = this.#kept.get(name);
    if (known) return known as Promise<T>;
    const made = find(name).then(make);
    this.#kept.set(name, made);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    return made;
  }
}

async function find(name: string): Promise<HTMLElement> {
  if (!document.getElementById(name) && document.readyState === "loading") await wholePage;
  const element = document.getElementById(name);
  if (!element) throw new Error("it is not in this page");
  if (element.dataset.missing) throw new Error(element.dataset.missing);
  return element;
}

async function xrayOf(
  { id, dataset, textContent }: HTMLElement,
): Promise<Pick<Shown, "gray" | "original">> {
  const jpeg = new Blob([Uint8Array.fromBase64(textContent!)], { type: "image/jpeg" });
  const image = await createImageBitmap(jpeg);
  const { width, height } = image;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(image, 0, 0);
  image.close();
  const { data: pixels } = context.getImageData(0, 0, width, height);
  const data = Uint8Array.from({ length: width * height }, (_, i) => pixels[4 * i]!);
  const spacing = document.getElementById(id.replace("image", "spacing"))?.textContent;
  return {
    gray: { data, width, height, ...(spacing && { spacing: JSON.parse(spacing) }) },
    original: { width: Number(dataset.width), height: Number(dataset.height) },
  };
}

/** Reads a heatmap; `heatmapElement()` of the report describes the form. */
async function heatmapOf(
  { dataset, textContent }: HTMLElement,
): Promise<Pick<Shown, "crop" | "layers" | "size" | "scored">> {
  const packed = new Blob([Uint8Array.fromBase64(textContent!)]).stream();
  const stream = packed.pipeThrough(new DecompressionStream("deflate-raw"));
  const bytes = await new Response(stream).bytes();
  const number = (name: string) => Number(dataset[name]);
  const [side, size] = [number("side"), number("size")];
  const [levels, mask] = [bytes.subarray(0, side * side), bytes.subarray(side * side)];
  const stride = Math.ceil(size / 8);
  for (let i = side; i < levels.length; i++) levels[i]! += levels[i - side]!;
  for (let i = 1; i < levels.length; i++) levels[i]! += levels[i - 1]!;
  for (let i = stride; i < mask.length; i++) mask[i]! ^= mask[i - stride]!;
  const scored = Uint8Array.from({ length: size * size }, (_, i) => {
    const x = i % size;
    return mask[(i - x) / size * stride + (x >> 3)]! >> (x & 7) & 1;
  });
  const data = Float32Array.from(levels, (level) => level / 255);
  const down = dataset.down === undefined ? {} : { height: number("down") };
  const crop = { x: number("x"), y: number("y"), side: number("span"), ...down };
  return { crop, layers: [{ layer: 0, side, data }], size, scored };
}

/** Outline of the ground truth: rings of `x, y` in turn, in pixels of the original. */
const truthOf = ({ textContent }: HTMLElement): readonly Ring[] => JSON.parse(textContent!);

say(undefined);
listenToTheme();
// A report has heatmaps as they were smoothed.
for (const id of ["sigma-label", "sigma-value"]) show(id, false);
const gallery = new Gallery("cpu");
listenToTools(gallery);
new Review(new EmbeddedRun(), gallery).open().catch((error: Error) => say(error.message));
document.addEventListener("DOMContentLoaded", () => {
  const missing = document.getElementById("missing");
  if (missing) part("about", HTMLElement).prepend(missing);
});
