import { openRuntime } from "../models/runtime/open_runtime.ts";
import { decodeImage } from "../pipeline/decode.ts";
import { createEngine, type EngineHost } from "../web/engine.ts";
import { modelFiles, PAGE_FILES, PAGE_SOURCES } from "../web/server/page_files.ts";
import { type RunningServer, type ServerOptions, startServer } from "../web/server/server.ts";
import { ServedRun } from "../web/server/served_run.ts";
import { PART_FLAGS } from "../methods/ldm/flags.ts";
import { openBundle, partPaths } from "../methods/ldm/ldm.ts";
import { BACKEND_FLAGS, requireBackend } from "./kit/backend.ts";
import { ldmFolder, MODEL_FLAG } from "./kit/method_sources.ts";
import { MODELS_FLAGS } from "./kit/models.ts";
import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { command, UsageError, type ValuesOf } from "./kit/flags.ts";
import { imagesOf } from "./kit/images.ts";
import { openBrowser, OPENER } from "./kit/open_browser.ts";

/** The only address that the server listens at; it is reachable only from this machine. */
const LOOPBACK = "127.0.0.1";

/** Port that the server tries first. */
const PORT = 8765;

/** Values of `--on`: where the model runs. */
const PLACES = ["page", "server"] as const;

const COMMAND = command({
  usage: "deno task serve [--results DIR] [options]",
  description:
    "Serves a page on this machine, for this machine alone. The page grounds phrases in X-rays, which " +
    "never leave the machine, or shows the samples of a run. Prints the page's address, and runs " +
    "until Ctrl-C.",
  flags: {
    on: {
      type: "string",
      choices: PLACES,
      placeholder: "WHERE",
      description:
        "Place of the model. page is the browser, where you can pick a folder of published files. server is this machine's runtime behind the page, which answers only to the token in the address.",
      defaultText: "page, or server with --model, a part of a model or --runtime",
    },
    model: MODEL_FLAG,
    ...MODELS_FLAGS,
    ...PART_FLAGS,
    ...BACKEND_FLAGS,
    results: {
      type: "string",
      placeholder: "DIR",
      description:
        "Folder of a run of deno task eval to review. The server reads images from the paths in the results.",
    },
    port: {
      type: "integer",
      min: 0,
      max: 65535,
      placeholder: "N",
      description: "Port to listen at; 0 takes a free port.",
      defaultText: `${PORT}, or a free port if ${PORT} is taken`,
    },
    open: { type: "boolean", default: true, description: "Do not open the browser." },
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

async function main(values: Values): Promise<number> {
  const { results, port, open } = values;
  const place = chosenPlace(values);
  using run = results === undefined ? undefined : await ServedRun.open(results);
  const { device } = values;
  // Report errors in the model's files here, before the page asks for the model.
  if (!run && place === "server") await openBundle(ldmFolder(values), values);
  await using server = start(
    run
      ? { device, assets: PAGE_FILES, run }
      : place === "page"
      ? { device, assets: new Map([...PAGE_FILES, ...modelFiles()]) }
      : { device, assets: PAGE_FILES, createEngine: () => createEngine(engineHost(values)) },
    port,
  );
  await server.prepare();
  console.log(server.url);
  if (open) {
    const help = "No browser could be opened: open the address above in one.";
    openBrowser(server.openingUrl(), () => console.error(help));
  }
  await server.finished;
  return EXIT.ok;
}

/**
 * Chooses where the model runs: in the page or on the server.
 *
 * @throws {UsageError} If the options ask for both places, or for a GPU's runtime on the CPU. Also
 * if `--results` comes with an option of the model.
 */
function chosenPlace(values: Values): typeof PLACES[number] {
  const { on, runtime, results } = values;
  requireBackend(values);
  const options = ["model", ...Object.keys(PART_FLAGS)] as ("model" | keyof typeof PART_FLAGS)[];
  const given = options.find((option) => values[option] !== undefined) ??
    (runtime === "auto" ? undefined : "runtime");
  const asked = given ?? (on && "on");
  if (results !== undefined && asked) {
    throw new UsageError(
      `Option "--${asked}" goes without "--results", which shows an earlier run`,
    );
  }
  if (on === "page" && given) {
    throw new UsageError(
      `Option "--${given}" goes with "--on server"; without it, pick the model's folder in the page`,
    );
  }
  return on ?? (given ? "server" : "page");
}

/**
 * Starts the server at the given port. Without one it tries {@linkcode PORT}, then any free port.
 */
function start(options: Omit<ServerOptions, "port">, port: number | undefined): RunningServer {
  try {
    return startServer({ ...options, port: port ?? PORT });
  } catch (error) {
    const isTaken = error instanceof Deno.errors.AddrInUse;
    if (isTaken && port === undefined) {
      console.error(`Another program listens at port ${PORT}; the server takes another port.`);
      return startServer({ ...options, port: 0 });
    }
    const reason = isTaken ? "another program listens there" : (error as Error).message;
    throw new Error(`Cannot listen at port ${port ?? PORT}: ${reason}; choose another --port`);
  }
}

/** The host of an engine that runs on this machine. */
function engineHost(values: Values): EngineHost {
  const { runtime, device } = values;
  return {
    openBundle: () => openBundle(ldmFolder(values), values),
    openRuntime: () => openRuntime(runtime, device),
    ...(runtime === "auto" && device === "auto" && {
      openFallback: async (reason) => ({ ...await openRuntime("auto", "cpu"), reason }),
    }),
    decode: decodeImage,
  };
}

await runCommand(COMMAND, main, async ({ results, open, ...values }) => ({
  read: [
    ...PAGE_SOURCES,
    ...(results === undefined
      ? [ldmFolder(values), ...partPaths(values)]
      : [results, ...await imagesOf(results)]),
  ],
  write: [],
  net: [LOOPBACK],
  run: open ? [OPENER] : [],
}), { lastPart: null });
