import { TextLineStream } from "@std/streams/text-line-stream";

/** Options of {@linkcode runChild}. */
export interface ChildOptions {
  /** Seconds after which the process is killed. */
  readonly seconds: number;
  /** Called for each line of JSON that the script prints; other lines are passed over. */
  readonly onReport: (report: unknown) => void;
  /**
   * Program to run.
   *
   * @default {This Deno}
   */
  readonly program?: string;
}

/**
 * Runs a script in a process of its own, since a library that aborts then ends this process alone.
 * The caller needs the permission to run any program: CUDA needs `LD_LIBRARY_PATH`, which Deno passes
 * to a program only with this permission.
 *
 * @param args Arguments of the program, such as `run`, permissions, script and its arguments.
 * @returns Why the process failed, as a clause; `undefined` if it did not.
 */
export async function runChild(
  args: readonly string[],
  { seconds, onReport, program = Deno.execPath() }: ChildOptions,
): Promise<string | undefined> {
  let child: Deno.ChildProcess;
  try {
    const streams = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
    const env = { NO_COLOR: "1" };
    child = new Deno.Command(program, { args: [...args], env, ...streams }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return `${program} is not installed`;
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, 1000 * seconds);
  const errors = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines as ReadableStream<string>) {
    // A killed process may leave half a line.
    if (/^\{.*\}$/.test(line)) onReport(JSON.parse(line));
  }
  const { success, code, signal } = await child.status;
  clearTimeout(timer);
  if (success) return undefined;
  if (isLate) return `it did not end within ${seconds.toFixed(0)} s`;
  // A stack and a line of source are indented.
  const texts = (await errors).split("\n").filter((line) => /^\S/.test(line));
  const complaint = texts.findLast((line) => /error: |panic|abort/i.test(line)) ?? texts.at(-1);
  const end = signal ? `its process ended by ${signal}` : `its process ended with code ${code}`;
  return complaint === undefined ? end : `${end} (${complaint})`;
}
