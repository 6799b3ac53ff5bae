import type { Flags, FlagValues } from "../../base/options.ts";
import { folderOf } from "../../base/paths.ts";
import { quote } from "../../base/text.ts";
import { COVERS, matchMaps, openMapList, parseCover } from "../../datasets/predictions/map_list.ts";
import type { ChosenMethod, MethodContext, MethodRow } from "../method_row.ts";
import { PREDICTIONS_FLAG } from "../predictions_flag.ts";
import { mapsMethod } from "./maps_method.ts";

const FLAGS = {
  predictions: PREDICTIONS_FLAG,
  covers: {
    type: "string",
    placeholder: "PART",
    description:
      `Part of its image that a map of --method heatmaps covers, if the list does not say: ${COVERS}. ` +
      "original has a value for each pixel of the image, square is the whole image resized to a " +
      "square, and crop is the middle SIDE after the shorter side is resized to RESIZED.",
  },
  "map-values": {
    type: "string",
    choices: ["scaled", "own"],
    default: "scaled",
    placeholder: "HOW",
    description:
      "Values of --method heatmaps. scaled brings each map to 0..1 between its lowest and highest " +
      "value. own keeps the values, and negative values become 0, as in the paper for BioViL.",
  },
} as const satisfies Flags;

/** The registry's row of heatmaps from a folder of files. */
export const HEATMAPS = {
  label: "Heatmaps",
  gives: "heatmaps",
  source: {
    option: "predictions",
    needs: 'DIR", the folder of the maps and of the list that names image, phrase and file',
  },
  flags: FLAGS,
  cautions: ({ values }) =>
    values === "scaled"
      ? ["Heatmaps from elsewhere are scaled to 0..1, each between its lowest and highest value."]
      : [],
  // The maps lie beside a list that is given itself.
  paths: ({ predictions }) => ({
    read: [predictions && isFile(predictions) ? folderOf(predictions) : undefined],
  }),
  choose: chooseHeatmaps,
} as const satisfies MethodRow<typeof FLAGS>;

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false; // The reader of the list reports a path that leads nowhere.
  }
}

async function chooseHeatmaps(
  place: string,
  { covers: stated, "map-values": values }: FlagValues<typeof FLAGS>,
  { say, warn }: MethodContext,
): Promise<ChosenMethod> {
  const covers = stated === undefined ? undefined : parseCover(stated);
  const { path, sha256 } = await openMapList(place, covers);
  return {
    facts: { predictions: { sha256 }, ...(covers && { covers }), values },
    source: { predictions: { path, sha256 } },
    open: async (whole) => {
      const { dataset, root } = await whole();
      const list = await openMapList(path, covers);
      if (list.sha256 !== sha256) throw new Error(`Cannot read "${path}": it changed meanwhile`);
      const { maps, faults, samples, unmatched, example } = await matchMaps(
        list,
        dataset.items,
        root,
      );
      say(`"${path}" has heatmaps for ${maps.size} of ${samples} samples.`);
      if (example) {
        const { image, phrase, where, fault } = example;
        warn(
          `Of the rows in "${path}" ${unmatched} match no sample of the dataset, such as image ` +
            `${quote(image, 100)} with phrase ${quote(phrase, 100)} (${where})` +
            `${fault ? `: ${fault}` : ""}.`,
        );
      }
      return mapsMethod(maps, { path, faults, isScaled: values === "scaled" });
    },
  };
}
