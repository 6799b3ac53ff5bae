/**
 * Runs a command of the project in a process of its own, as a user would.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url).pathname;

/** Output and exit code of a command. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Options of a command's process. */
export interface CommandOptions {
  /** Additional environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Module of `tests/support` to run in place of the command; it injects a fault, then runs the
   * command.
   */
  readonly fault?: string;
  /** Name of the permission set, if it is not the module's name. */
  readonly set?: string;
}

/** Returns the arguments of `deno run` with the permissions of the command's task. */
export function commandArguments(
  name: string,
  args: readonly string[],
  { fault, set = name }: CommandOptions = {},
): string[] {
  return [
    "run",
    "--quiet",
    "--no-prompt",
    `--config=${ROOT}deno.json`,
    `--permission-set=${set}`,
    fault ? `${ROOT}tests/support/${fault}` : `${ROOT}cli/${name}.ts`,
    ...args,
  ];
}

/** Runs `cli/<name>.ts` in a folder. */
export async function runCommand(
  name: string,
  args: readonly string[],
  cwd: string,
  options: CommandOptions = {},
): Promise<CommandResult> {
  const env = { NO_COLOR: "1", INIT_CWD: "", ...options.env };
  return await readOutput("deno", { args: commandArguments(name, args, options), cwd, env });
}

/** Runs any program. */
export async function readOutput(
  program: string,
  options: Deno.CommandOptions,
): Promise<CommandResult> {
  const { code, stdout, stderr } = await new Deno.Command(program, options).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs a test in a temporary folder, and removes the folder afterwards. */
export async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
