import { commandArguments, type CommandOptions } from "./command.ts";

/**
 * Starts `eval` and kills it as nothing can be caught, a while after it has
 * written a result.
 *
 * @param cwd Where it runs.
 * @param args Its options, with `--out`.
 * @param after Milliseconds from its first result to its end.
 * @param options How it is run.
 * @returns Whether it was killed before its own end.
 */
export async function killEval(
  cwd: string,
  args: readonly string[],
  after: number,
  options: CommandOptions = {},
): Promise<boolean> {
  const results = `${cwd}/${args[args.indexOf("--out") + 1]}/results.jsonl`;
  const size = () => Deno.stat(results).then((info) => info.size, () => 0);
  const before = await size();
  const child = new Deno.Command("deno", {
    args: commandArguments("eval", args, options),
    cwd,
    env: { NO_COLOR: "1", INIT_CWD: "" },
    stdout: "null",
    stderr: "null",
  }).spawn();
  let hasEnded = false;
  const ended = child.status.then(() => hasEnded = true);
  const wait = (time: number) => new Promise((resolve) => setTimeout(resolve, time));
  while (!hasEnded && await size() <= before) await wait(2);
  await Promise.race([ended, wait(after)]);
  const isKilled = !hasEnded;
  if (isKilled) child.kill("SIGKILL");
  await ended;
  return isKilled;
}
