import { BugError, isBug } from "../../base/errors.ts";
import { plainReason } from "../../base/host/plain_reason.ts";
import { asCalled, callOfProcess } from "../groundray/call.ts";
import { type Command, type Flags, helpText, UsageError } from "./flags.ts";

/** Exit codes. */
export const EXIT = {
  /** All went well. */
  ok: 0,
  /** The command failed, or stopped before its end. */
  error: 1,
  /** The command was called wrongly. */
  usage: 2,
  /** The run is complete, but some samples failed. */
  failures: 3,
  /** The run ended because more samples failed than `--max-failures` allows. */
  tooManyFailures: 4,
  /** A signal stopped the command. */
  interrupted: 130,
} as const;

/**
 * The command line asks for JSON on stderr. The raw arguments decide, since errors in the arguments
 * are printed as JSON too.
 */
function isJson(): boolean {
  return Deno.args.some((arg, i) =>
    arg === "--progress=json" || arg === "--progress" && Deno.args[i + 1] === "json"
  );
}

/**
 * Prints the reason why a command ends.
 *
 * @param prefix Text before the message; left out in JSON.
 */
export function sayError(message: string, prefix = "error: "): void {
  const error = plainReason(asCalled(message));
  console.error(isJson() ? JSON.stringify({ error }) : prefix + error);
}

/** Prints the help text of a command. */
export function printHelp<F extends Flags>(declaration: Command<F>): void {
  console.log(asCalled(helpText(declaration)));
}

/** Prints the reason why a bug ended a command, and the stack that leads to the bug. */
function sayBug(error: Error): void {
  const bug = BugError.of(error);
  const { stack } = bug.cause instanceof Error ? bug.cause : bug;
  if (isJson()) return console.error(JSON.stringify({ error: bug.message, stack }));
  console.error(`error: ${bug.message}\n${stack}`);
}

/** Creates the error of a run that Ctrl-C stopped. */
export function interruption(): DOMException {
  return new DOMException("The run was interrupted", "AbortError");
}

/**
 * Runs a command and ends the process with its exit code. Ctrl-C aborts the command's signal, so
 * that the command can finish the part under way. A second Ctrl-C ends the process at once.
 *
 * @param main Receives the arguments and a signal; returns an exit code.
 * @param lastPart Names the work that is still finished after Ctrl-C; null ends the process at
 * once.
 */
export async function runMain(
  main: (args: string[], signal: AbortSignal) => Promise<number>,
  lastPart: string | null = "the pass under way",
): Promise<void> {
  // A task starts in the project's folder, but paths are relative to the caller's folder.
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
  const args = [...callOfProcess().args];
  Deno.exit(await codeOf(() => main(args, controller.signal), controller.signal));
}

/** Runs some work and returns its exit code; prints an error. */
export async function codeOf(work: () => Promise<number>, signal: AbortSignal): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted && error === signal.reason) return EXIT.interrupted;
    // A reader such as `head` may close the pipe early, which is not an error.
    if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
    if (error instanceof UsageError) {
      sayError(error.message, "");
      return EXIT.usage;
    }
    if (isBug(error)) sayBug(error);
    else sayError(error instanceof Error ? error.message : String(error));
    return EXIT.error;
  }
}
