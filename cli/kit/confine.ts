import "../../base/host/deno/mod.ts";
import { loaderPaths } from "../../base/host/deno/cuda_files.ts";
import { type Call, callOfProcess, isOnlyDeclared, useCall } from "../groundray/call.ts";
import { codeOf, EXIT, interruption, printHelp, runMain } from "./exit.ts";
import { type Command, type Flags, parseFlags, type ValuesOf } from "./flags.ts";

/** Permissions that a run needs; a path includes everything below it. */
export interface Permissions {
  /** Paths that the run reads. */
  readonly read: readonly (string | URL | undefined)[];
  /** Paths that the run writes and reads. */
  readonly write: readonly (string | undefined)[];
  /**
   * Hosts that the run listens at.
   *
   * @default {[]}
   */
  readonly net?: string[];
  /**
   * Programs that the run starts.
   *
   * @default {[]}
   */
  readonly run?: string[];
  /**
   * Number of further threads with the same permissions, in which the command's helper runs.
   *
   * @default {0}
   */
  readonly helpers?: number;
}

/** Work of a command in a further thread: answers the messages of the command's own thread. */
export type Helper = (port: MessagePort) => void;

/** A command's work: takes its arguments, a signal, and the ports of its helpers. */
type Main<A> = (
  args: A,
  signal: AbortSignal,
  helpers: readonly MessagePort[],
) => Promise<number>;

/** Further choices of a confined command. */
export interface ConfinedOptions {
  /**
   * Names the work that is still finished after Ctrl-C; null if there is none.
   *
   * @default {undefined}
   */
  readonly lastPart?: string | null;
  /**
   * Adds to the arguments, such as options from a file.
   *
   * @default {The arguments stay}
   */
  readonly prepare?: (args: readonly string[]) => Promise<readonly string[]>;
  /** Work of further threads, if the permissions ask for such threads. */
  readonly helper?: Helper;
}

/** Folders where libraries find their own files; npm puts ONNX Runtime beside this package. */
const LIBRARIES = [
  new URL("../../node_modules", import.meta.url),
  ...["onnxruntime-node", "onnxruntime-web"].map((name) =>
    new URL(import.meta.resolve(name).replace(/(?<=\/onnxruntime-\w+\/).*/, ""))
  ),
];

/** Message to a worker thread. The command gets its call, and the ports of its helpers. */
type Order =
  | { readonly task: "start"; readonly call: Call; readonly helpers: readonly MessagePort[] }
  | { readonly task: "help"; readonly port: MessagePort }
  | { readonly task: "stop" };

/** Message from the worker thread: "ready" after its start, and the exit code at its end. */
type Report = "ready" | number;

/** The part of a worker's global scope that this module uses. */
interface WorkerScope {
  onmessage: (event: MessageEvent<Order>) => void;
  postMessage(report: Report): void;
}

/**
 * Runs a command like {@linkcode runMain}, in a worker thread that may access only the paths that
 * the options name.
 *
 * These paths are known only after the process has started, and a process can only drop
 * permissions, not narrow them. So the first thread starts a worker with narrow permissions, and
 * then drops its own. Both threads load the command's module. Therefore the module must call this
 * function every time it is loaded.
 *
 * @param main Returns an exit code.
 * @param reach Returns the permissions for the arguments. `undefined` runs the command in the first
 * thread.
 */
export async function runConfined(
  main: Main<string[]>,
  reach: (args: string[]) => Permissions | undefined | Promise<Permissions | undefined>,
  { lastPart, helper }: Omit<ConfinedOptions, "prepare"> = {},
): Promise<void> {
  if ("WorkerGlobalScope" in globalThis) return work(main, helper);
  await runMain(async (args, signal) => {
    const confines = await reach(args);
    return confines ? await delegate(confines, signal) : await main(args, signal, []);
  }, lastPart);
}

/**
 * Runs a declared command like {@linkcode runConfined}; prints the help text if asked for help.
 *
 * @param declaration Name, options and operand of the command.
 * @param main Receives the values of the options; returns an exit code.
 * @param reach Returns the permissions for the values.
 */
export async function runCommand<F extends Flags>(
  declaration: Command<F>,
  main: Main<ValuesOf<F>>,
  reach: (values: ValuesOf<F>) => Permissions | Promise<Permissions>,
  { prepare = (args) => Promise.resolve(args), ...options }: ConfinedOptions = {},
): Promise<void> {
  if (isOnlyDeclared(declaration)) return;
  await runConfined(
    async (args, signal, helpers) => {
      const values = parseFlags(await prepare(args), declaration);
      if (values) return await main(values, signal, helpers);
      printHelp(declaration);
      return EXIT.ok;
    },
    async (args) => {
      const values = parseFlags(await prepare(args), declaration);
      return values && await reach(values);
    },
    options,
  );
}

/** In a worker thread: runs the call or its helper, and aborts the call's signal on "stop". */
function work(main: Main<string[]>, helper: Helper = () => {}): void {
  const scope = globalThis as unknown as WorkerScope;
  const controller = new AbortController();
  const { signal } = controller;
  scope.onmessage = async ({ data }) => {
    if (data.task === "stop") return controller.abort(interruption());
    if (data.task === "help") return helper(data.port);
    const { call, helpers } = data;
    useCall(call);
    scope.postMessage(await codeOf(() => main([...call.args], signal, helpers), signal));
  };
  scope.postMessage("ready");
}

/**
 * In the first thread: runs the command in a worker, with its helpers in further workers, and returns
 * the worker's exit code.
 */
async function delegate(
  { read, write, net = [], run = [], helpers = 0 }: Permissions,
  signal: AbortSignal,
): Promise<number> {
  const written = write.filter((path) => path !== undefined);
  const call = callOfProcess();
  const options: WorkerOptions = {
    type: "module",
    name: "run",
    deno: {
      permissions: {
        read: [
          ...LIBRARIES,
          ...loaderPaths(),
          ...read.filter((path) => path !== undefined),
          ...written,
        ],
        write: written,
        // The permissions that the task in `deno.json` names, if any.
        env: "inherit",
        // A single binary cannot name the folder to which it extracts its libraries.
        ffi: Deno.permissions.querySync({ name: "ffi" }).state === "granted"
          ? LIBRARIES
          : "inherit",
        sys: "inherit",
        import: false,
        net,
        run,
      },
    },
  };
  const { promise, resolve } = Promise.withResolvers<number>();
  let loaded = 0;
  const workers = Array.from({ length: helpers + 1 }, () => {
    const worker = new Worker(call.script, options);
    worker.onmessage = async ({ data }: MessageEvent<Report>) => {
      if (data !== "ready") return resolve(data);
      if (++loaded < workers.length) return;
      // Only now, since the workers were loaded with the permissions of this thread.
      for (const name of ["read", "write", "env", "ffi", "sys", "net", "run"] as const) {
        await Deno.permissions.revoke({ name });
      }
      const channels = Array.from({ length: helpers }, () => new MessageChannel());
      channels.forEach(({ port2 }, i) => order(i + 1, { task: "help", port: port2 }, [port2]));
      const ports = channels.map(({ port1 }) => port1);
      order(0, { task: "start", call, helpers: ports }, ports);
    };
    // Deno has already printed the error.
    worker.onerror = (event) => {
      event.preventDefault();
      resolve(EXIT.error);
    };
    return worker;
  });
  const order = (worker: number, order: Order, ports: MessagePort[] = []) =>
    workers[worker]!.postMessage(order, ports);
  signal.addEventListener("abort", () => order(0, { task: "stop" }));
  return await promise;
}
