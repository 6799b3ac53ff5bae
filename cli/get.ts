/**
 * `deno task get`: lists the models that Groundray knows by name, or fetches some.
 *
 * @module
 */

import { stat } from "../base/paths.ts";
import { ACCESS, CATALOG, type CatalogModel, findModel } from "../hub/catalog.ts";
import { fetchModel } from "../hub/fetch_model.ts";
import { HUB, HUB_HOSTS } from "../hub/hub.ts";
import { type ModelState, modelState } from "../hub/record.ts";
import type { Source } from "../hub/request.ts";
import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { command, UsageError, type ValuesOf } from "./kit/flags.ts";
import { folderOfModel, folderOfModels, MODELS_FLAGS } from "./kit/models.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";

const COMMAND = command({
  usage: "deno task get [NAME …] [options]",
  description:
    "Fetches models by name from the Hugging Face hub, for --model NAME of the other commands; " +
    "without a name it lists the models. After any interruption the same command goes on where it " +
    "was. For a model that is here it checks every byte. Progress is in megabytes. The environment " +
    "variable HF_TOKEN holds the token for models that want one.",
  operand: "NAME",
  isOptional: true,
  isRepeated: true,
  flags: {
    ...MODELS_FLAGS,
    mirror: {
      type: "string",
      placeholder: "URL",
      description: "Address of a mirror of the hub.",
      defaultText: `HF_ENDPOINT, or ${HUB}`,
    },
    cdn: {
      type: "list",
      placeholder: "HOST",
      description:
        "Further host that a mirror sends files from; *.HOST stands for all below it. May be given several times.",
    },
    "send-token": {
      type: "boolean",
      description: "Send HF_TOKEN to the mirror too; without it only the hub gets the token.",
    },
    ...PROGRESS_FLAGS,
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

/** Bytes of a megabyte, the unit of progress. */
const MEGABYTE = 1e6;

async function main(values: Values, signal: AbortSignal): Promise<number> {
  const models = values.operands.map(requireModel);
  const source = chooseSource(values);
  const progress = new Progress(values.progress, undefined, "MB");
  if (models.length === 0) {
    printList(values.models);
    return EXIT.ok;
  }
  try {
    for (const model of models) {
      const folder = folderOfModel(model, values.models);
      if (modelState(model, folder).kind !== "absent") {
        progress.say(`Checking the files of ${model.name} that are here.`);
      }
      let total = 0;
      const isNew = await fetchModel(model, folder, {
        source,
        signal,
        onBegin: (all, before) => {
          total = all / MEGABYTE;
          progress.say(`Fetching ${model.name} from ${new URL(source.endpoint).host}.`);
          progress.begin(Math.ceil(total), before / MEGABYTE);
        },
        onBytes: (bytes) => progress.update(bytes / MEGABYTE),
        onNotice: (notice) => progress.warn(notice),
      });
      if (isNew) progress.finish(Math.ceil(total));
      const { name, byHand } = model;
      const lacking: string[] = [];
      for (const file of byHand?.files ?? []) {
        if (!await stat(`${folder}/${file}`)) lacking.push(file);
      }
      console.log(
        lacking.length > 0
          ? `${name} needs ${lacking.join(", ")} in ${folder}: ${byHand!.how}`
          : `${name} is ${isNew ? "here now" : "here, and whole"}: ${folder}`,
      );
    }
  } catch (error) {
    progress.clear();
    if (signal.aborted) progress.warn("Stopped; the same command goes on where it was.");
    throw error;
  }
  return EXIT.ok;
}

function requireModel(name: string): CatalogModel {
  const model = findModel(name);
  if (model) return model;
  const names = CATALOG.map(({ name }) => name).join(", ");
  throw new UsageError(`NAME must be some of ${names}, got "${name}"`);
}

/**
 * Chooses where files come from. A mirror sends files from itself and from the hosts of `--cdn`.
 *
 * @throws {UsageError} If the address or a host is malformed.
 */
function chooseSource({ mirror, cdn, "send-token": sendsToken }: Values): Source {
  const option = mirror !== undefined ? "--mirror" : "HF_ENDPOINT";
  const endpoint = (mirror ?? (Deno.env.get("HF_ENDPOINT") || HUB)).replace(/\/+$/, "");
  const url = URL.parse(endpoint);
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash) {
    throw new UsageError(
      `${option} must be an address such as https://mirror.example, got "${endpoint}"`,
    );
  }
  const wrong = cdn.find((host) =>
    !/^(\*\.)?[a-z\d-]+(\.[a-z\d-]+)*(:\d+)?$/i.test(host) ||
    !URL.canParse(`http://${host.replace("*", "any")}`)
  );
  if (wrong !== undefined) {
    throw new UsageError(`Option "--cdn" must be a host such as cdn.example, got "${wrong}"`);
  }
  const isHub = endpoint === HUB;
  const needless = cdn.length > 0 ? "cdn" : sendsToken ? "send-token" : undefined;
  if (isHub && needless) throw new UsageError(`Option "--${needless}" needs "--mirror"`);
  const token = Deno.env.get("HF_TOKEN");
  const isPrivate = url.protocol === "https:" || url.hostname === "127.0.0.1";
  if (sendsToken && !isPrivate) {
    throw new UsageError(
      'Option "--send-token" needs a mirror by https, since http would show the token to all between',
    );
  }
  return {
    endpoint,
    hosts: isHub ? HUB_HOSTS : [url.host, ...cdn.map((host) => host.toLowerCase())],
    ...(token && (isHub || sendsToken) && { token }),
    ...(token && !isHub && !sendsToken && {
      withheld: "HF_TOKEN was not sent to the mirror: --send-token does so",
    }),
  };
}

function printList(models: string | undefined): void {
  console.log(`Models in ${folderOfModels(models)}:`);
  for (const model of CATALOG) {
    const state = stateOf(model, folderOfModel(model, models));
    const where = {
      here: `here, ${gigabytes(state.kind === "here" ? state.bytes : 0)}`,
      absent: `not here, about ${gigabytes(model.bytes)}`,
      partial: `begun, about ${gigabytes(model.bytes)} in all`,
      damaged: `damaged: ${state.kind === "damaged" ? state.reason : ""}`,
    };
    const licenses = new Set(model.sources.map(({ license }) => license));
    console.log(
      [
        `\n${model.name} (${where[state.kind]})`,
        `  ${model.purpose}`,
        `  Method: --method ${model.method}. Licence: ${[...licenses].join(" and ")}.`,
        `  Access: ${ACCESS[model.access]}.`,
        `  Trained on: ${model.training}`,
        `  Not known: ${model.unknown}`,
        ...(model.byHand ? [`  By hand: ${model.byHand.how}`] : []),
      ].join("\n"),
    );
  }
}

/** State of a model; a damaged record must not hide the other models. */
function stateOf(model: CatalogModel, folder: string): ModelState {
  try {
    return modelState(model, folder);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { kind: "damaged", reason: error.message };
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

await runCommand(COMMAND, main, (values) => {
  const models = folderOfModels(values.models);
  // A list needs no network.
  if (values.operands.length === 0) return { read: [models], write: [] };
  values.operands.forEach(requireModel);
  // The task may reach any host, since only its options name a mirror. This run reaches these alone.
  return { read: [], write: [models], net: [...chooseSource(values).hosts] };
}, "the bytes in hand");
