/**
 * Writes phantoms as a dataset on disk.
 *
 * @module
 */

import { stringify } from "@std/csv";
import { grayImage } from "../../images/gray_image.ts";
import { PHANTOM_STEM } from "../layouts/ms_cxr.ts";
import { drawPhantoms, type PhantomSetOptions } from "./phantom.ts";

/** Maximum number of findings of an image with a phrase; a third finding is a distractor. */
const SPOKEN_OF = 2;

/**
 * Writes phantoms as a dataset in the layout of MS-CXR: the CSV of release 1.1.0 and a tree of
 * JPEG files as in MIMIC-CXR-JPG. At most two findings of an image have a phrase. Of 40 images,
 * 7 to 11 have a phrase of each class.
 *
 * @param folder Folder to write to; created if it is missing.
 * @param options Seed and number of images.
 * @returns Path of the CSV.
 * @throws {RangeError} If the seed or the number of images is out of range.
 */
export async function writePhantomSet(
  folder: string,
  options: PhantomSetOptions,
): Promise<{ csv: string }> {
  const rows: Record<string, string | number>[] = [];
  let index = 0;
  for (const phantom of drawPhantoms(options)) {
    const number = String(index).padStart(4, "0");
    const name = `${PHANTOM_STEM}${String(options.seed).padStart(4, "0")}-${number}`;
    const path = `files/p10/p1000${number}/s5000${number}/${name}.jpg`;
    await Deno.mkdir(`${folder}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    await Deno.writeFile(`${folder}/${path}`, await grayImage(phantom).encodeJPEG(92));
    for (const { category, phrase, boxes } of phantom.findings.slice(0, SPOKEN_OF)) {
      for (const [x, y, w, h] of boxes) {
        rows.push({
          category_name: category,
          label_text: phrase,
          path,
          x,
          y,
          w,
          h,
          dicom_id: name,
          image_width: phantom.width,
          image_height: phantom.height,
          split: index % 2 === 0 ? "test" : "val",
        });
      }
    }
    index++;
  }
  const csv = `${folder}/MS_CXR_Local_Alignment_v1.1.0.csv`;
  await Deno.writeTextFile(csv, stringify(rows, { columns: Object.keys(rows[0] ?? {}) }));
  return { csv };
}
