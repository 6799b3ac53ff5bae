import { EXIT, runMain } from "../../cli/_exit.ts";
import { UsageError } from "../../cli/_flags.ts";

/**
 * Runs a script that takes a fixed number of arguments and no options.
 *
 * @param usage The command with the names of its arguments.
 * @param run Takes the arguments and a signal; throws a {@linkcode UsageError} at a wrong one.
 */
export function runScript<Names extends readonly string[]>(
  usage: readonly [command: string, ...names: Names],
  run: (args: { [I in keyof Names]: string }, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  return runMain(async (args, signal) => {
    if (args.length !== usage.length - 1 || args.includes("")) {
      throw new UsageError(`Usage: ${usage.join(" ")}`);
    }
    await run(args as { [I in keyof Names]: string }, signal);
    return EXIT.ok;
  });
}
