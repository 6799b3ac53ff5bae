import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { Notices } from "./kit/failures.ts";
import { command, UsageError, type ValuesOf } from "./kit/flags.ts";
import { imagesOf, masksOf } from "./kit/images.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { convertRun } from "../reports/exports/convert_run.ts";
import { EXPORT_FORMATS, type ExportFormat, formatOf } from "../reports/exports/registry.ts";
import { parseSome } from "./kit/parsers.ts";

/** Names of the formats that read images. */
const NEEDS_IMAGES = EXPORT_FORMATS.filter((name) => formatOf(name).needsImages);
/** Names of the formats with a choice of the value outside the heatmap. */
const HAS_OUTSIDE = EXPORT_FORMATS.filter((name) => formatOf(name).hasOutside);

const COMMAND = command({
  usage: "deno task convert RESULTS --to FORMAT[,FORMAT…] [options] --out DIR",
  description:
    "Writes the heatmaps, masks and boxes of a run for other tools, without the model, in the " +
    "pixels of the original images: " +
    EXPORT_FORMATS.map((name) => `${name} (${formatOf(name).description})`).join(", ") +
    `. Files of these names are replaced. Only ${NEEDS_IMAGES.join(" and ")} read images, from ` +
    "the paths in the results; a missing image is left out.",
  operand: "RESULTS",
  flags: {
    to: {
      type: "list",
      required: true,
      placeholder: "FORMATS",
      description: `Formats, separated by commas: some of ${EXPORT_FORMATS.join(", ")}.`,
    },
    setting: {
      type: "string",
      placeholder: "NAME",
      description: "Setting of the run to convert.",
      defaultText: "the first setting",
    },
    outside: {
      type: "string",
      choices: ["nan", "zero"],
      placeholder: "VALUE",
      description: `Value in ${HAS_OUTSIDE.join(" and ")} outside the heatmap.`,
      defaultText: "nan, or zero after --margin zero",
    },
    "keep-patient": {
      type: "boolean",
      description:
        "Copy patient and study of each image into its dicom-seg, so that a PACS files it beside " +
        "the image: name, ID, birth date, sex; study date, time, ID, description, accession number " +
        "and referring physician.",
    },
    out: { type: "string", placeholder: "DIR", required: true, description: "Folder to write to." },
    ...PROGRESS_FLAGS,
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const { out, operands: [source], setting, outside, "keep-patient": keepPatient } = values;
  const formats = parseFormats(values.to);
  if (keepPatient && !formats.includes("dicom-seg")) {
    throw new UsageError('Option "--keep-patient" needs "--to dicom-seg"');
  }
  if (outside !== undefined && !formats.some((name) => HAS_OUTSIDE.includes(name))) {
    const needed = HAS_OUTSIDE.map((name) => `"--to ${name}"`).join(" or ");
    throw new UsageError(`Option "--outside" needs ${needed}`);
  }
  const progress = new Progress(values.progress);
  if (keepPatient) {
    progress.warn(
      `The files in ${out}/dicom-seg name the patients of their images, since --keep-patient is given.`,
    );
  }
  const notices = new Notices(progress);
  let done = 0;
  try {
    const { samples, without, written } = await convertRun(source!, out, formats, {
      ...{ keepPatient, signal },
      ...(outside !== undefined && { outside }),
      onNotice: notices.add,
      onProgress(count, total) {
        progress.follow(done = count, total, notices.count);
      },
      ...(setting !== undefined && { setting }),
    });
    progress.finish(done);
    if (written.length === 0) {
      throw new Error(`Cannot convert "${source}": every sample was left out`);
    }
    const names = written.map(({ path, files }) =>
      files === undefined ? `${out}/${path}` : `${out}/${path} (${files} files)`
    );
    const rest = without > 0 ? `; ${without} more have no heatmap` : "";
    console.log(`${samples} samples${rest}: ${names.join(", ")}`);
    return EXIT.ok;
  } finally {
    progress.clear();
    notices.end();
  }
}

function parseFormats(texts: readonly string[]): ExportFormat[] {
  return parseSome("to", texts, EXPORT_FORMATS);
}

/** Files beside the run that the formats read: its images and masks, or its masks alone. */
async function filesFor(formats: readonly ExportFormat[], folder: string): Promise<string[]> {
  if (formats.some((name) => NEEDS_IMAGES.includes(name))) return await imagesOf(folder);
  return formats.some((name) => formatOf(name).hasTruth) ? await masksOf(folder) : [];
}

await runCommand(
  COMMAND,
  main,
  async ({ operands: [folder], out, to }) => ({
    read: [folder, ...await filesFor(parseFormats(to), folder!)],
    write: [out],
  }),
  { lastPart: "the sample in hand" },
);
