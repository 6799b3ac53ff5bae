/**
 * Runs a command with permissions only for the paths that it was given.
 *
 * @module
 */

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
}

/** Folders where libraries find their own files; npm puts ONNX Runtime beside this package. */
const LIBRARIES = [
  new URL("../../node_modules", import.meta.url),
  ...["onnxruntime-node", "onnxruntime-web"].map((name) =>
    new URL(import.meta.resolve(name).replace(/(?<=\/onnxruntime-\w+\/).*/, ""))
  ),
];

/** Message to the worker thread: the call to carry out, or "stop". */
type Order = Call | "stop";

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
 * @param main Receives the arguments and a signal; returns an exit code.
 * @param reach Returns the permissions for the arguments. `undefined` runs the command in the first
 * thread.
 * @param lastPart Names the work that is still finished after Ctrl-C; null if there is none.
 */
export async function runConfined(
  main: (args: string[], signal: AbortSignal) => Promise<number>,
  reach: (args: string[]) => Permissions | undefined | Promise<Permissions | undefined>,
  lastPart?: string | null,
): Promise<void> {
  if ("WorkerGlobalScope" in globalThis) return work(main);
  await runMain(async (args, signal) => {
    const confines = await reach(args);
    return confines ? await delegate(confines, signal) : await main(args, signal);
  }, lastPart);
}

/**
 * Runs a declared command like {@linkcode runConfined}; prints the help text if asked for help.
 *
 * @param declaration Name, options and operand of the command.
 * @param main Receives the values of the options and a signal; returns an exit code.
 * @param reach Returns the permissions for the values.
 * @param lastPart Names the work that is still finished after Ctrl-C; null if there is none.
 * @param prepare Adds to the arguments, such as options from a file; by default they stay.
 */
export async function runCommand<F extends Flags>(
  declaration: Command<F>,
  main: (values: ValuesOf<F>, signal: AbortSignal) => Promise<number>,
  reach: (values: ValuesOf<F>) => Permissions | Promise<Permissions>,
  lastPart?: string | null,
  prepare: (args: readonly string[]) => Promise<readonly string[]> = (args) =>
    Promise.resolve(args),
): Promise<void> {
  if (isOnlyDeclared(declaration)) return;
  await runConfined(
    async (args, signal) => {
      const values = parseFlags(await prepare(args), declaration);
      if (values) return await main(values, signal);
      printHelp(declaration);
      return EXIT.ok;
    },
    async (args) => {
      const values = parseFlags(await prepare(args), declaration);
      return values && await reach(values);
    },
    lastPart,
  );
}

/** In the worker thread: carries out a call, and aborts its signal on "stop". */
function work(main: (args: string[], signal: AbortSignal) => Promise<number>): void {
  const scope = globalThis as unknown as WorkerScope;
  const controller = new AbortController();
  const { signal } = controller;
  scope.onmessage = async ({ data }) => {
    if (data === "stop") return controller.abort(interruption());
    useCall(data);
    scope.postMessage(await codeOf(() => main([...data.args], signal), signal));
  };
  scope.postMessage("ready");
}

/** In the first thread: runs the command in a worker, and returns the worker's exit code. */
async function delegate(
  { read, write, net = [], run = [] }: Permissions,
  signal: AbortSignal,
): Promise<number> {
  const written = write.filter((path) => path !== undefined);
  const call = callOfProcess();
  const worker = new Worker(call.script, {
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
  });
  const order = (order: Order) => worker.postMessage(order);
  const { promise, resolve } = Promise.withResolvers<number>();
  worker.onmessage = async ({ data }: MessageEvent<Report>) => {
    if (data !== "ready") return resolve(data);
    // Only now, since the worker was loaded with the permissions of this thread.
    for (const name of ["read", "write", "env", "ffi", "sys", "net", "run"] as const) {
      await Deno.permissions.revoke({ name });
    }
    order(call);
  };
  // Deno has already printed the error.
  worker.onerror = (event) => {
    event.preventDefault();
    resolve(EXIT.error);
  };
  signal.addEventListener("abort", () => order("stop"));
  return await promise;
}
