import { stringify } from "@std/csv";
import { grayImage } from "../../images/gray_image.ts";
import { PHANTOM_FINDINGS, PHANTOM_STEM } from "../layouts/ms_cxr.ts";
import { drawPhantoms, type PhantomSetOptions } from "./phantom.ts";

/** Maximum number of findings of an image with a phrase; a third finding is a distractor. */
const SPOKEN_OF = 2;

/**
 * Writes phantoms as a dataset in the layout of MS-CXR: the CSV of release 1.1.0 and a tree of
 * JPEG files as in MIMIC-CXR-JPG. At most two findings of an image have a phrase. Of 40 images,
 * 7 to 11 have a phrase of each class. `phantom_findings.csv` has every finding, as labels of whole
 * images.
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
  const all: typeof rows = [];
  let index = 0;
  for (const phantom of drawPhantoms(options)) {
    const number = String(index).padStart(4, "0");
    const name = `${PHANTOM_STEM}${String(options.seed).padStart(4, "0")}-${number}`;
    const path = `files/p10/p1000${number}/s5000${number}/${name}.jpg`;
    await Deno.mkdir(`${folder}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    await Deno.writeFile(`${folder}/${path}`, await grayImage(phantom).encodeJPEG(92));
    for (const [i, { category, phrase, boxes }] of phantom.findings.entries()) {
      for (const [x, y, w, h] of boxes.length > 0 ? boxes : [["", "", "", ""] as const]) {
        const row = {
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
        };
        all.push(row);
        if (i < SPOKEN_OF && boxes.length > 0) rows.push(row);
      }
    }
    index++;
  }
  const csv = `${folder}/MS_CXR_Local_Alignment_v1.1.0.csv`;
  const columns = Object.keys(all[0]!);
  await Deno.writeTextFile(csv, stringify(rows, { columns }));
  await Deno.writeTextFile(`${folder}/${PHANTOM_FINDINGS}`, stringify(all, { columns }));
  return { csv };
}
