import { commandArguments, type CommandOptions } from "./command.ts";

/**
 * Starts `eval` and kills it with SIGKILL, some time after its first new result.
 *
 * @param cwd Current folder of `eval`.
 * @param args Options of `eval`, `--out` included.
 * @param after Milliseconds from the first new result to the kill.
 * @param options Options of the process.
 * @returns Whether `eval` was killed before it ended by itself.
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
