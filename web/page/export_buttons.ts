/// <reference lib="dom" />
/**
 * The buttons that save what a picture shows.
 *
 * @module
 */

import { captionedPicture } from "../viewer/captioned_picture.ts";
import { boxesCsv, fileStem, heatmapNpy, resultOf, save } from "./exports.ts";
import type { ResultRecord } from "../../reports/result_json.ts";
import { make, say } from "./parts_of_page.ts";
import type { Finished, Shown } from "../viewer/shown.ts";
import type { Viewer } from "../viewer/viewer.ts";

/** What heatmaps are made with, found out when it is exported. */
export type MadeWith = () => Promise<ResultRecord>;

/** A picture that can be saved. */
export interface Saved {
  readonly shown: Shown;
  readonly viewer: Pick<Viewer, "canvas" | "finished" | "look" | "paint">;
}

/** What pictures have in common. */
export interface SavedTogether {
  /** Tells what heatmaps are made with. */
  readonly record: MadeWith;
  /** All pictures. */
  readonly all: readonly Saved[];
}

/**
 * Buttons that save a picture as it is when they are pressed, and nothing before its
 * heatmap is finished.
 *
 * @param picture What is saved.
 * @param together Asked when a button is pressed.
 */
export function exportButtons(picture: Saved, together: () => SavedTogether): HTMLElement {
  const buttons = make("div", "", { className: "exports" });
  const add = (label: string, act: (finished: Finished, stem: string) => void | Promise<void>) => {
    const button = make("button", label, { type: "button" });
    button.addEventListener("click", async () => {
      const { shown: { image, title }, viewer: { finished } } = picture;
      try {
        if (finished) await act(finished, fileStem(image, title));
        else say(`Cannot export "${title}": it has no heatmap yet`);
      } catch (error) {
        say((error as Error).message);
      }
    });
    buttons.append(button);
  };
  add("PNG", async (finished, stem) => {
    const { shown, viewer } = picture;
    // What is to be painted before the next frame may be of another X-ray than what is there.
    viewer.paint();
    const captioned = captionedPicture(viewer.canvas, shown, finished, viewer.look!);
    save(`${stem}.png`, await captioned.convertToBlob({ type: "image/png" }));
  });
  add("heatmap.npy", (finished, stem) => {
    save(`${stem}.npy`, heatmapNpy(finished) as BlobPart);
  });
  add("result.json", async (finished, stem) => {
    // What is shown may be another by the time that the record is there.
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
