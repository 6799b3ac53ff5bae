import { InputError } from "../base/errors.ts";
import { stat } from "../base/paths.ts";
import { ACCESS, CATALOG, type CatalogModel, findModel, methodsOf } from "../hub/catalog.ts";
import { type CatalogDataset, DATASETS, findDataset } from "../hub/datasets.ts";
import { accept, fetchDataset, hasAccepted } from "../hub/fetch_dataset.ts";
import { fetchModel, type FetchModelOptions } from "../hub/fetch_model.ts";
import { GITHUB_SITE, RAW, RAW_HOSTS } from "../hub/github.ts";
import { HUB, HUB_HOSTS } from "../hub/hub.ts";
import { datasetState, type ModelState, modelState } from "../hub/record.ts";
import type { Source } from "../hub/request.ts";
import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { command, nearName, UsageError, type ValuesOf } from "./kit/flags.ts";
import { DATA_FLAGS, folderOfFetched, MODELS_FLAGS } from "./kit/models.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";

const COMMAND = command({
  usage: "deno task get [NAME …] [options]",
  description:
    "Fetches models by name from the Hugging Face hub, for --model NAME of the other commands, and " +
    "datasets from GitHub, for --dataset NAME of eval; without a name it lists both. Shows the " +
    "licences of a dataset, and asks once whether they are accepted. After any interruption the " +
    "same command goes on where it was. For a model or dataset that is here it checks every byte. " +
    "Progress is in megabytes. The environment variable HF_TOKEN holds the token for models that " +
    "want one.",
  operand: "NAME",
  isOptional: true,
  isRepeated: true,
  flags: {
    list: {
      type: "boolean",
      description: "List the models and datasets, with size, licence and state.",
    },
    accept: {
      type: "boolean",
      description: "Accept the licences of the datasets without a question.",
    },
    ...MODELS_FLAGS,
    ...DATA_FLAGS,
    mirror: {
      type: "string",
      placeholder: "URL",
      description:
        "Address of a mirror: of the hub for models, of GitHub's raw files for datasets.",
      defaultText: `HF_ENDPOINT, or ${HUB}; for datasets ${RAW}`,
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
  const { models, datasets } = chooseWanted(values);
  const source = chooseSource(values, models.length > 0);
  const progress = new Progress(values.progress, undefined, "MB");
  if (models.length + datasets.length === 0) {
    printList(values);
    return EXIT.ok;
  }
  for (const dataset of datasets) await requireAccepted(dataset, values, signal);
  const get = async <T extends Pick<CatalogModel, "name" | "byHand">>(
    wanted: T,
    folder: string,
    { kind }: ModelState,
    source: Source,
    fetch: (wanted: T, folder: string, options: FetchModelOptions) => Promise<boolean>,
  ): Promise<void> => {
    const { name, byHand } = wanted;
    if (kind !== "absent") progress.say(`Checking the files of ${name} that are here.`);
    let total = 0;
    const isNew = await fetch(wanted, folder, {
      source,
      signal,
      onBegin: (all, before) => {
        total = all / MEGABYTE;
        progress.say(`Fetching ${name} from ${new URL(source.endpoint).host}.`);
        progress.begin(Math.ceil(total), before / MEGABYTE);
      },
      onBytes: (bytes) => progress.update(bytes / MEGABYTE),
      onNotice: (notice) => progress.warn(notice),
    });
    if (isNew) progress.finish(Math.ceil(total));
    const lacking: string[] = [];
    for (const file of byHand?.files ?? []) {
      if (!await stat(`${folder}/${file}`)) lacking.push(file);
    }
    console.log(
      lacking.length > 0
        ? `${name} needs ${lacking.join(", ")} in ${folder}: ${byHand!.how}`
        : `${name} is ${isNew ? "here now" : "here, and whole"}: ${folder}`,
    );
  };
  try {
    for (const model of models) {
      const folder = folderOfFetched("models", values.models, model);
      await get(model, folder, modelState(model, folder), source, fetchModel);
    }
    for (const dataset of datasets) {
      const folder = folderOfFetched("data", values.data, dataset);
      const own = datasetSource(source, values);
      await get(dataset, folder, datasetState(folder), own, fetchDataset);
    }
  } catch (error) {
    progress.clear();
    if (signal.aborted) progress.warn("Stopped; the same command goes on where it was.");
    throw error;
  }
  return EXIT.ok;
}

/** Models and datasets that the names stand for. */
interface Wanted {
  readonly models: readonly CatalogModel[];
  readonly datasets: readonly CatalogDataset[];
}

/**
 * Finds the models and datasets of the names.
 *
 * @throws {UsageError} If a name is unknown, or a list is asked for beside names.
 */
function chooseWanted({ operands, list }: Values): Wanted {
  if (list && operands.length > 0) {
    throw new UsageError(`Option "--list" takes no NAME, got "${operands[0]}"`);
  }
  const names = [...CATALOG, ...DATASETS].map(({ name }) => name);
  for (const name of operands) {
    if (names.includes(name)) continue;
    const near = nearName(name, names);
    throw new UsageError(
      `NAME must be some of ${names.join(", ")}, got "${name}"` +
        (near === undefined ? "" : `; did you mean "${near}"?`),
    );
  }
  return {
    models: operands.flatMap((name) => findModel(name) ?? []),
    datasets: operands.flatMap((name) => findDataset(name) ?? []),
  };
}

/**
 * Shows the licences of a dataset, and requires that the user accepts them, now or before.
 *
 * @throws {UsageError} If nobody can be asked.
 * @throws {InputError} If the user does not accept the licences.
 */
async function requireAccepted(
  dataset: CatalogDataset,
  values: Values,
  signal: AbortSignal,
): Promise<void> {
  const { name, terms } = dataset;
  const folder = folderOfFetched("data", values.data, dataset);
  if (hasAccepted(dataset, folder)) return;
  console.log([`Licences of ${name}:`, ...terms.map((term) => `- ${term}`)].join("\n"));
  if (!values.accept) {
    if (!Deno.stdin.isTerminal()) {
      throw new UsageError(
        `Cannot ask whether the licences of ${name} are accepted, since there is no terminal; ` +
          "read them above and give --accept",
      );
    }
    Deno.stdout.writeSync(new TextEncoder().encode("Do you accept them? [y/N] "));
    if (!/^\s*y(es)?\s*$/i.test(await readLine(signal))) {
      throw new InputError(`Cannot fetch ${name}: its licences were not accepted`);
    }
  }
  await accept(dataset, folder);
}

/** Reads a line from the terminal; throws the signal's reason if the signal aborts before. */
async function readLine(signal: AbortSignal): Promise<string> {
  const aborted = Promise.withResolvers<never>();
  const stop = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  const bytes = new Uint8Array(1024);
  const count = await Promise.race([Deno.stdin.read(bytes), aborted.promise]);
  signal.removeEventListener("abort", stop);
  return new TextDecoder().decode(bytes.subarray(0, count ?? 0));
}

/** Source of a dataset's files: the mirror of `--mirror`, or else GitHub. */
function datasetSource({ endpoint, hosts }: Source, { mirror }: Values): Source {
  // HF_ENDPOINT names a mirror of the hub alone.
  return mirror === undefined
    ? { endpoint: RAW, hosts: RAW_HOSTS, site: GITHUB_SITE }
    : { endpoint, hosts, site: GITHUB_SITE };
}

/**
 * Chooses where files come from. A mirror sends files from itself and from the hosts of `--cdn`.
 *
 * @param hasModels Whether models are wanted: `HF_ENDPOINT` counts for models alone.
 * @throws {UsageError} If the address or a host is malformed.
 */
function chooseSource(
  { mirror, cdn, "send-token": sendsToken }: Values,
  hasModels: boolean,
): Source {
  const option = mirror !== undefined ? "--mirror" : "HF_ENDPOINT";
  const own = hasModels && Deno.env.get("HF_ENDPOINT");
  const endpoint = (mirror ?? (own || HUB)).replace(/\/+$/, "");
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

function printList({ models, data }: Values): void {
  console.log(`Models in ${folderOfFetched("models", models)}:`);
  for (const model of CATALOG) {
    const state = stateOf(() => modelState(model, folderOfFetched("models", models, model)));
    const licenses = new Set(model.sources.map(({ license }) => license));
    console.log(
      [
        `\n${model.name} (${describeState(state, model.bytes, gigabytes)})`,
        `  ${model.purpose}`,
        `  Method: --method ${methodsOf(model).join(" or ")}. Licence: ${
          [...licenses].join(" and ")
        }.`,
        `  Access: ${ACCESS[model.access]}.`,
        `  Trained on: ${model.training}`,
        `  Not known: ${model.unknown}`,
        ...(model.byHand ? [`  By hand: ${model.byHand.how}`] : []),
      ].join("\n"),
    );
  }
  console.log(`\nDatasets in ${folderOfFetched("data", data)}:`);
  for (const dataset of DATASETS) {
    const state = stateOf(() => datasetState(folderOfFetched("data", data, dataset)));
    console.log(
      [
        `\n${dataset.name} (${describeState(state, dataset.bytes, megabytes)})`,
        `  ${dataset.purpose}`,
        `  Licence: ${dataset.license}.`,
        `  From: https://github.com/${dataset.repository}, without an account.`,
      ].join("\n"),
    );
  }
}

/** State of a model or dataset; a damaged record must not hide the others. */
function stateOf(find: () => ModelState): ModelState {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { kind: "damaged", reason: error.message };
  }
}

function describeState(
  state: ModelState,
  bytes: number,
  show: (bytes: number) => string,
): string {
  switch (state.kind) {
    case "here":
      return `here, ${show(state.bytes)}`;
    case "absent":
      return `not here, about ${show(bytes)}`;
    case "partial":
      return `begun, about ${show(bytes)} in all`;
    case "damaged":
      return `damaged: ${state.reason}`;
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MEGABYTE)} MB`;
}

await runCommand(COMMAND, main, (values) => {
  const { models, datasets } = chooseWanted(values);
  const [ofModels, ofData] = [
    folderOfFetched("models", values.models),
    folderOfFetched("data", values.data),
  ];
  // A list needs no network.
  if (models.length + datasets.length === 0) return { read: [ofModels, ofData], write: [] };
  // The task may reach any host, since only its options name a mirror. This run reaches these alone.
  const source = chooseSource(values, models.length > 0);
  return {
    read: [],
    write: [...(models.length > 0 ? [ofModels] : []), ...(datasets.length > 0 ? [ofData] : [])],
    net: [
      ...(models.length > 0 ? source.hosts : []),
      ...(datasets.length > 0 ? datasetSource(source, values).hosts : []),
    ],
  };
}, { lastPart: "the bytes in hand" });
