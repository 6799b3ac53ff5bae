import { type Permissions, runConfined } from "../../../cli/kit/confine.ts";
import { EXIT } from "../../../cli/kit/exit.ts";
import { UsageError } from "../../../cli/kit/flags.ts";

/**
 * Runs a script that takes a fixed number of arguments and no options. The script may access only
 * the paths among its arguments.
 *
 * @param usage The command and the names of its arguments.
 * @param reach Returns the paths among the arguments.
 * @param run Receives the arguments and a signal; throws a {@linkcode UsageError} at a wrong
 * argument.
 */
export function runScript<Names extends readonly string[]>(
  usage: readonly [command: string, ...names: Names],
  reach: (args: { [I in keyof Names]: string }) => Permissions,
  run: (args: { [I in keyof Names]: string }, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const read = (args: string[]) => {
    if (args.length !== usage.length - 1 || args.includes("")) {
      throw new UsageError(`Usage: ${usage.join(" ")}`);
    }
    return args as { [I in keyof Names]: string };
  };
  return runConfined(
    async (args, signal) => {
      await run(read(args), signal);
      return EXIT.ok;
    },
    (args) => reach(read(args)),
  );
}
