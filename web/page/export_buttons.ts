/// <reference lib="dom" />
/**
 * Buttons that save a picture, its heatmap and its boxes.
 *
 * @module
 */

import { captionedPicture } from "../viewer/captioned_picture.ts";
import { boxesCsv, fileStem, heatmapNpy, resultOf, save } from "./exports.ts";
import type { ResultRecord } from "../../reports/result_json.ts";
import { make, say } from "./parts_of_page.ts";
import type { Finished, Shown } from "../viewer/shown.ts";
import type { Viewer } from "../viewer/viewer.ts";

/** Finds the model, versions and settings of heatmaps; called at an export. */
export type MadeWith = () => Promise<ResultRecord>;

/** A picture that can be saved. */
export interface Saved {
  readonly shown: Shown;
  readonly viewer: Pick<Viewer, "canvas" | "finished" | "look" | "paint">;
}

/** Facts that all pictures of the page share. */
export interface SavedTogether {
  /** Finds the model, versions and settings of the heatmaps. */
  readonly record: MadeWith;
  /** All pictures of the page, for the table of boxes. */
  readonly all: readonly Saved[];
}

/**
 * Makes buttons that save a picture in its state when a button is pressed. Before the heatmap is
 * finished, the buttons show a message instead.
 *
 * @param picture The picture to save.
 * @param together Gives the shared facts; called when a button is pressed.
 */
export function exportButtons(picture: Saved, together: () => SavedTogether): HTMLElement {
  const buttons = make("div", "", { className: "exports" });
  const add = (label: string, act: (finished: Finished, stem: string) => void | Promise<void>) => {
    const button = make("button", label, { type: "button" });
    button.addEventListener("click", async () => {
      const { shown: { image, title }, viewer: { finished } } = picture;
      try {
        if (finished) await act(finished, fileStem(image, title));
        else say(`Cannot export "${title}": it has no heatmap`);
      } catch (error) {
        say((error as Error).message);
      }
    });
    buttons.append(button);
  };
  add("PNG", async (finished, stem) => {
    const { shown, viewer } = picture;
    // The canvas may still show another X-ray: its repaint waits for the next frame.
    viewer.paint();
    const captioned = captionedPicture(viewer.canvas, shown, finished, viewer.look!);
    save(`${stem}.png`, await captioned.convertToBlob({ type: "image/png" }));
  });
  add("heatmap.npy", (finished, stem) => {
    save(`${stem}.npy`, heatmapNpy(finished) as BlobPart);
  });
  add("result.json", async (finished, stem) => {
    // Take the picture now: it may change while the record is being found.
    const [{ shown }, { record }] = [picture, together()];
    const result = resultOf(shown, finished, await record());
    save(`${stem}.json`, JSON.stringify(result, null, 2) + "\n");
  });
  add("boxes.csv", () => {
    const finished = together().all.flatMap(({ shown, viewer: { finished } }) =>
      finished ? [[shown, finished] as const] : []
    );
    save(`${fileStem(picture.shown.image)}-boxes.csv`, boxesCsv(finished));
  });
  return buttons;
}
