import { captionedPicture } from "../viewer/captioned_picture.ts";
import { boxesCsv, fileStem, RESEARCH_ONLY, resultOf, save, settingsText } from "./exports.ts";
import { encodeNpy } from "../../reports/exports/npy.ts";
import type { encodeDicomSeg } from "../../reports/exports/dicom_seg.ts";
import { maskOnImage } from "../../reports/exports/original_pixels.ts";
import type { ResultRecord } from "../../reports/result_json.ts";
import { make, makeButton, say } from "./parts_of_page.ts";
import type { Finished, Shown } from "../viewer/shown.ts";
import type { Viewer } from "../viewer/viewer.ts";

/** Model behind heatmaps. */
export interface MadeWith {
  /** Name of the model, for readers; absent if unknown. */
  readonly model?: string;
  /** Finds the model's hash, versions and settings; called at an export. */
  find(): Promise<ResultRecord>;
}

/** A picture that can be saved. */
export interface Saved {
  readonly shown: Shown;
  readonly viewer: Pick<Viewer, "canvas" | "finished" | "look" | "paint" | "render">;
}

/** Facts that all pictures of the page share. */
export interface SavedTogether {
  /** Model behind the heatmaps. */
  readonly record: MadeWith;
  /** All pictures of the page, for the table of boxes. */
  readonly all: readonly Saved[];
  /** Encodes a DICOM segmentation; absent in a report, which keeps no DICOM file's identity. */
  readonly encodeSeg?: typeof encodeDicomSeg | undefined;
}

/** Sizes of a saved picture: the longer side in pixels, or 0 for the picture as on the screen. */
const SIZES: readonly (readonly [text: string, side: (shown: Shown) => number])[] = [
  ["as on the screen", () => 0],
  ["X-ray's size", ({ original: { width, height } }) => Math.max(width, height)],
  ...[512, 1024, 2048].map((side) => [`${side} pixels`, () => side] as const),
];

/**
 * Makes a menu whose buttons save a picture in its state at the press, for which they ask both
 * functions. Before the heatmap is finished, the buttons show a message instead.
 */
export function exportButtons(picture: () => Saved, together: () => SavedTogether): HTMLElement {
  const options = SIZES.map(([text]) => make("option", text));
  const size = make("select", options, { ariaLabel: "Size of the PNG" });
  const add = (
    label: string,
    act: (saved: Saved & { readonly finished: Finished }, stem: string) => void | Promise<void>,
  ) =>
    makeButton(label, async () => {
      const { shown, viewer } = picture();
      const { finished } = viewer;
      try {
        const stem = fileStem(shown.image, shown.title);
        // A method that predicts boxes has no heatmap; its picture and its boxes are saved.
        if (finished || shown.predicted) await act({ shown, viewer, finished: finished! }, stem);
        else say(`Cannot export "${shown.title}": its heatmap is not finished yet`);
      } catch (error) {
        say((error as Error).message);
      }
    });
  const png = add("PNG", async ({ shown, viewer, finished }, stem) => {
    const side = SIZES[size.selectedIndex]![1](shown);
    // The canvas may still show another X-ray: its repaint waits for the next frame.
    if (side === 0) viewer.paint();
    const painted = side === 0 ? viewer.canvas : viewer.render(side);
    const made = settingsText(shown, finished, together().record.model);
    const captioned = captionedPicture(painted, shown, finished, viewer.look!, made, side);
    save(`${stem}.png`, await captioned.convertToBlob({ type: "image/png" }));
  });
  const npy = add("heatmap.npy", ({ finished: { heatmap, size } }, stem) => {
    save(`${stem}.npy`, encodeNpy(heatmap, [size, size]) as BlobPart);
  });
  const json = add("result.json", async ({ shown, finished }, stem) => {
    const record = await together().record.find();
    const result = { ...resultOf(shown, finished, record), use: RESEARCH_ONLY };
    save(`${stem}.json`, JSON.stringify(result, null, 2) + "\n");
  });
  const csv = add("boxes.csv", ({ shown: { image } }) => {
    const { all, record: { model } } = together();
    const finished = all.map(({ shown, viewer }) => [shown, viewer.finished] as const);
    save(`${fileStem(image)}--boxes.csv`, boxesCsv(finished, model));
  });
  const seg = add("DICOM SEG", async ({ shown, finished }, stem) => {
    const { title, phrase = title, original, crop, reference: source } = shown;
    const { encodeSeg, record, all } = together();
    if (!source || !encodeSeg) return say("Cannot save a DICOM SEG: the X-ray is no DICOM file");
    const mask = maskOnImage({ ...finished, image: original, crop });
    // Another model, setting or threshold makes another series.
    const run = JSON.stringify([await record.find(), settingsText(shown, finished, "")]);
    const number = all.findIndex(({ shown: other }) => other === shown) + 1;
    const file = await encodeSeg({ source, mask, phrase, run, number });
    save(`${stem}.dcm`, file as BlobPart);
  });
  const menu = make("details", [
    make("summary", "Save", { className: "button" }),
    make("div", [png, size, npy, json, csv, seg]),
  ], { className: "save" });
  menu.addEventListener("toggle", () => {
    const { predicted, reference } = picture().shown;
    npy.hidden = json.hidden = predicted !== undefined;
    seg.hidden = !reference;
  });
  return menu;
}
