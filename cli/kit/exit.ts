/**
 * How every command ends.
 *
 * @module
 */

import { plainReason } from "../../base/host/plain_reason.ts";
import { UsageError } from "./flags.ts";

/** Exit codes. */
export const EXIT = {
  /** All went well. */
  ok: 0,
  /** It could not be done, or not to its end. */
  error: 1,
  /** It was called wrongly. */
  usage: 2,
  /** It was done, and some samples failed. */
  failures: 3,
  /** It was ended because more samples failed than may. */
  tooManyFailures: 4,
  /** It was stopped by a signal. */
  interrupted: 130,
} as const;

/**
 * Whether stderr is to hold nothing but JSON. Read from the arguments as they are,
 * since what is wrong with them is said there too.
 */
function isJson(): boolean {
  return Deno.args.some((arg, i) =>
    arg === "--progress=json" || arg === "--progress" && Deno.args[i + 1] === "json"
  );
}

/**
 * Says why a command ends.
 *
 * @param prefix What stands before it where it is plain text.
 */
export function sayError(message: string, prefix = "error: "): void {
  const error = plainReason(message);
  console.error(isJson() ? JSON.stringify({ error }) : prefix + error);
}

/** Why a run ends that Ctrl-C stopped. */
export function interruption(): DOMException {
  return new DOMException("The run was interrupted", "AbortError");
}

/**
 * Runs a command and ends the process with its code. Ctrl-C aborts the signal
 * it is given, so that it can finish what it is writing; a second one ends the
 * process at once.
 *
 * @param main Takes the arguments and a signal, gives an exit code.
 * @param lastPart What is still done after Ctrl-C, in words; null ends the process at once.
 */
export async function runMain(
  main: (args: string[], signal: AbortSignal) => Promise<number>,
  lastPart: string | null = "the pass under way",
): Promise<void> {
  // A task starts in the project's folder; paths are meant from where it was called.
  const folder = Deno.env.get("INIT_CWD");
  if (folder) Deno.chdir(folder);
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted || lastPart === null) Deno.exit(EXIT.interrupted);
    const info = `Stopping after ${lastPart}; press Ctrl-C again to stop at once.`;
    console.error(isJson() ? JSON.stringify({ info }) : `\n${info}`);
    controller.abort(interruption());
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const name of signals) Deno.addSignalListener(name, stop);
  Deno.exit(await codeOf(() => main(Deno.args, controller.signal), controller.signal));
}

/** The exit code of some work; an error is printed. */
export async function codeOf(work: () => Promise<number>, signal: AbortSignal): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted && error === signal.reason) return EXIT.interrupted;
    // A reader such as `head` that has seen enough is no fault of ours.
    if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
    if (error instanceof UsageError) {
      sayError(error.message, "");
      return EXIT.usage;
    }
    sayError(error instanceof Error ? error.message : String(error));
    return EXIT.error;
  }
}
