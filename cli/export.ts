import { exportBundle } from "../models/ldm/export.ts";
import { PART_FLAGS } from "../methods/ldm/flags.ts";
import { openBundle, partPaths } from "../methods/ldm/ldm.ts";
import { parseLayers } from "../methods/ldm/parsers.ts";
import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { command, type ValuesOf } from "./kit/flags.ts";
import { ldmFolder, MODEL_FLAG } from "./kit/method_sources.ts";
import { MODELS_FLAGS } from "./kit/models.ts";

const COMMAND = command({
  usage: "deno task export --out DIR [options]",
  description:
    "Writes autoencoder.onnx, text_encoder.onnx and unet.onnx, each with its weights in a .data " +
    "file beside it, for use in any ONNX runtime.",
  flags: {
    model: MODEL_FLAG,
    ...MODELS_FLAGS,
    ...PART_FLAGS,
    layers: {
      type: "string",
      placeholder: "LIST",
      description: "Cross-attention layers to have as outputs, such as 3,4,6,7, or all.",
      default: "all",
    },
    out: { type: "string", placeholder: "DIR", required: true, description: "Folder to write to." },
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values): Promise<number> {
  const layers = parseLayers(values.layers);
  const bundle = await openBundle(ldmFolder(values), values);
  for (const path of await exportBundle(bundle, values.out, layers)) console.log(path);
  return EXIT.ok;
}

await runCommand(COMMAND, main, (values) => ({
  read: [ldmFolder(values), ...partPaths(values)],
  write: [values.out],
}));
