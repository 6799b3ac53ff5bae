/**
 * Fuzz target for heatmaps from elsewhere.
 *
 * @module
 */

import { readMap } from "../../datasets/predictions/read_map.ts";
import { MAX_PIXELS } from "../../images/read_image.ts";
import { mutateBytes, pick } from "./mutate.ts";
import { Broken, type Target } from "./target.ts";

/** Files of other programs, in base64, by name. */
const FILES: Record<string, string> = JSON.parse(
  await Deno.readTextFile(
    new URL("../../datasets/predictions/fixtures/maps.json", import.meta.url),
  ),
);

/** The fuzz target for `.npy`, `.npz`, PNG and NIfTI as maps. */
export const MAP_TARGET: Target = {
  name: "heatmap",
  share: 6,
  isOfSample: true,
  make: (random) => mutateBytes(random, Uint8Array.fromBase64(pick(random, Object.values(FILES)))),
  async read(bytes, folder) {
    await Deno.writeFile(`${folder}/map`, bytes);
    const { values, width, height } = await readMap(`${folder}/map`);
    if (values.length !== width * height || values.length > MAX_PIXELS) {
      throw new Broken(`a map of ${width}x${height} has ${values.length} values`);
    }
  },
};
