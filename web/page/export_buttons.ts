/// <reference lib="dom" />
/**
 * The buttons that save what a picture shows.
 *
 * @module
 */

import { boxesCsv, fileStem, heatmapNpy, resultOf, save } from "./exports.ts";
import { make, say } from "./parts_of_page.ts";
import type { Finished, Shown } from "./shown.ts";

/** What heatmaps are made with, found out when it is exported. */
export type MadeWith = () => Promise<object>;

/** A picture that can be saved. */
export interface Saved {
  readonly shown: Shown;
  readonly viewer: { readonly canvas: HTMLCanvasElement; readonly finished: Finished | undefined };
}

/** What pictures have in common. */
export interface SavedTogether {
  /** What the X-ray is called. */
  readonly image: string;
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
      const { shown: { title }, viewer: { finished } } = picture;
      try {
        if (finished) await act(finished, fileStem(title));
        else say(`Cannot export "${title}": it has no heatmap yet`);
      } catch (error) {
        say((error as Error).message);
      }
    });
    buttons.append(button);
  };
  add("PNG", (_, stem) => {
    picture.viewer.canvas.toBlob((blob) => blob && save(`${stem}.png`, blob));
  });
  add("heatmap.npy", (finished, stem) => {
    save(`${stem}.npy`, heatmapNpy(finished) as BlobPart);
  });
  add("result.json", async (finished, stem) => {
    // What is shown may be another by the time that the record is there.
    const [{ shown }, { image, record }] = [picture, together()];
    const result = resultOf(shown, finished, { image, ...await record() });
    save(`${stem}.json`, JSON.stringify(result, null, 2) + "\n");
  });
  add("boxes.csv", () => {
    const { image, all } = together();
    const finished = all.flatMap(({ shown, viewer: { finished } }) =>
      finished ? [[shown, finished] as const] : []
    );
    save("boxes.csv", boxesCsv(image, finished));
  });
  return buttons;
}
