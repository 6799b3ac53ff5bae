/**
 * Runs a command with nothing but the paths that it was given.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { codeOf, EXIT, interruption, runMain } from "./exit.ts";
import { type Command, type Flags, helpText, parseFlags, type ValuesOf } from "./flags.ts";

/** What a run touches: paths with all that is below them, and what else it needs. */
export interface Reach {
  /** What it reads. */
  readonly read: readonly (string | URL | undefined)[];
  /** What it writes, and reads again. */
  readonly write: readonly (string | undefined)[];
  /**
   * Hosts that it listens at.
   *
   * @default {[]}
   */
  readonly net?: string[];
  /**
   * Programs that it runs.
   *
   * @default {[]}
   */
  readonly run?: string[];
}

/** Where libraries find files of their own. */
const LIBRARIES = new URL("../../node_modules", import.meta.url);

/** What the thread that works is told. */
type Order = "start" | "stop";

/** What it says: that it is there, and in the end its exit code. */
type Report = "ready" | number;

/** The part of a worker's global scope that is used. */
interface WorkerScope {
  onmessage: (event: MessageEvent<Order>) => void;
  postMessage(report: Report): void;
}

/**
 * Runs a command as {@linkcode runMain} does, in a thread that may touch only
 * the paths that its options name. Which they are is known only once the process
 * runs, and a process cannot narrow what it may, only give it up: so the first
 * thread does when the other is there. Both load the script that was started, so
 * that it must call this whenever it is loaded.
 *
 * @param main Takes the arguments and a signal, gives an exit code.
 * @param reach Reads the arguments; `undefined` if the run touches nothing.
 * @param lastPart What is still done after Ctrl-C, in words; null if nothing is.
 */
export async function runConfined(
  main: (args: string[], signal: AbortSignal) => Promise<number>,
  reach: (args: string[]) => Reach | undefined | Promise<Reach | undefined>,
  lastPart?: string | null,
): Promise<void> {
  if ("WorkerGlobalScope" in globalThis) return work(main);
  await runMain(async (args, signal) => {
    const confines = await reach(args);
    return confines ? await delegate(confines, signal) : await main(args, signal);
  }, lastPart);
}

/**
 * Runs a command by its declaration as {@linkcode runConfined} does; where it is
 * asked for help, prints that.
 *
 * @param declaration Its name, options and operand.
 * @param main Takes their values and a signal, gives an exit code.
 * @param reach The paths among the values.
 * @param lastPart What is still done after Ctrl-C, in words; null if nothing is.
 */
export function runCommand<F extends Flags>(
  declaration: Command<F>,
  main: (values: ValuesOf<F>, signal: AbortSignal) => Promise<number>,
  reach: (values: ValuesOf<F>) => Reach | Promise<Reach>,
  lastPart?: string | null,
): Promise<void> {
  return runConfined(
    async (args, signal) => {
      const values = parseFlags(args, declaration);
      if (values) return await main(values, signal);
      console.log(helpText(declaration));
      return EXIT.ok;
    },
    async (args) => {
      const values = parseFlags(args, declaration);
      return values && await reach(values);
    },
    lastPart,
  );
}

/** In the thread that works: does so when it is told to. */
function work(main: (args: string[], signal: AbortSignal) => Promise<number>): void {
  const scope = globalThis as unknown as WorkerScope;
  const controller = new AbortController();
  const { signal } = controller;
  scope.onmessage = async ({ data }) => {
    if (data === "stop") return controller.abort(interruption());
    scope.postMessage(await codeOf(() => main(Deno.args, signal), signal));
  };
  scope.postMessage("ready");
}

/** In the first thread: has the script run in another, and gives its exit code. */
async function delegate(
  { read, write, net = [], run = [] }: Reach,
  signal: AbortSignal,
): Promise<number> {
  const written = write.filter((path) => path !== undefined);
  const worker = new Worker(Deno.mainModule, {
    type: "module",
    name: "run",
    deno: {
      permissions: {
        read: [LIBRARIES, ...read.filter((path) => path !== undefined), ...written],
        write: written,
        // What the task names, and nothing where it names nothing.
        env: "inherit",
        ffi: "inherit",
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
    // Not earlier: it was loaded with the permissions of this thread.
    for (const name of ["read", "write", "env", "ffi", "sys", "net", "run"] as const) {
      await Deno.permissions.revoke({ name });
    }
    order("start");
  };
  // The error itself is printed already.
  worker.onerror = (event) => {
    event.preventDefault();
    resolve(EXIT.error);
  };
  signal.addEventListener("abort", () => order("stop"));
  return await promise;
}
