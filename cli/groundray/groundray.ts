import manifest from "../../deno.json" with { type: "json" };
import { EXIT, runMain } from "../kit/exit.ts";
import { listRows, nearName, UsageError } from "../kit/flags.ts";
import { declarationOf, useCall } from "./call.ts";
import { type CompletedCommand, completionScript, SHELLS } from "./completions.ts";

/** Names of permissions that a process can give up. */
const PERMISSIONS = ["read", "write", "net", "env", "run", "sys", "ffi"] as const;

/** Permissions of a command in `deno.json`. */
type PermissionSet = Partial<Readonly<Record<typeof PERMISSIONS[number], unknown>>> & {
  readonly env: readonly string[];
};

/** Permissions by command; these commands are the tasks with a permission set of their own. */
const COMMANDS: Readonly<Record<string, PermissionSet>> = manifest.permissions;

const TASKS: Readonly<Record<string, { readonly description: string }>> = manifest.tasks;

/** Names in the help text that stand for no module. */
const OWN = {
  completions: `Print completions for a shell: ${SHELLS.join(", ")}`,
  help: "Print the help text of a command",
} as const;

/** Address of a command's module. */
function scriptOf(name: string): string {
  // A computed address keeps the modules of all other commands from being read.
  const suffix = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  return new URL(`../${name.replace(":", "/")}${suffix}`, import.meta.url).href;
}

/** Text that lists the commands. */
function overview(): string {
  const rows = Object.keys(COMMANDS).map((name) => [name, TASKS[name]!.description] as const);
  return [
    "Usage: groundray COMMAND [options]",
    "",
    "Shows where the phrases of a report apply in chest X-rays. Not for clinical use.",
    "",
    "Commands:",
    ...listRows([...rows, ...Object.entries(OWN)]),
    "",
    "Options:",
    ...listRows([
      ["--help", "Print this, or after a command its options, and exit."],
      ["--version", "Print the version and exit."],
    ]),
    "",
  ].join("\n");
}

/** Prints about this program, or completions. */
async function tell([name, ...rest]: string[]): Promise<number> {
  if (name === undefined || isHelp(name) || name === "completions" && isHelp(rest[0])) {
    const [asked] = name === "help" ? rest : [];
    if (asked !== undefined && !Object.hasOwn(OWN, asked)) return refuse(asked);
    console.log(overview());
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === "--version") {
    console.log(`groundray ${manifest.version}`);
    return EXIT.ok;
  }
  if (name === "completions") {
    const shell = SHELLS.find((shell) => rest.length === 1 && shell === rest[0]);
    if (!shell) {
      throw new UsageError(
        `Expected one of ${SHELLS.join(", ")} after completions, got "${rest.join(" ")}"`,
      );
    }
    const commands: CompletedCommand[] = [];
    for (const name of Object.keys(COMMANDS)) {
      const declaration = await declarationOf(scriptOf(name));
      commands.push({ name, about: TASKS[name]!.description, declaration });
    }
    for (const [name, about] of Object.entries(OWN)) commands.push({ name, about });
    console.log(completionScript(shell, commands));
    return EXIT.ok;
  }
  return refuse(name);
}

/** Refuses a word that is neither a command nor an option. */
function refuse(name: string): never {
  if (name.startsWith("-")) {
    throw new UsageError(`Unknown option "${name}": --help lists the commands`);
  }
  const near = nearName(name, [...Object.keys(COMMANDS), ...Object.keys(OWN)]);
  throw new UsageError(
    `Unknown command "${name}": ` +
      (near === undefined ? "--help lists the commands" : `did you mean "${near}"?`),
  );
}

function isHelp(text?: string): boolean {
  return text !== undefined && ["--help", "-h", "help"].includes(text);
}

/**
 * Gives up the permissions that the command's task does not have. A single binary has those of all
 * commands; other ways to start a command give only its own.
 */
async function giveUpOthers(own: PermissionSet): Promise<void> {
  for (const name of PERMISSIONS) {
    if (!Object.hasOwn(own, name)) await Deno.permissions.revoke({ name });
  }
  for (const variable of new Set(Object.values(COMMANDS).flatMap(({ env }) => env))) {
    if (!own.env.includes(variable)) await Deno.permissions.revoke({ name: "env", variable });
  }
}

async function run([first, ...rest]: readonly string[]): Promise<void> {
  // `help eval` is `eval --help`.
  const [name, args] = first === "help" && rest.length > 0 ? [rest[0]!, ["--help"]] : [first, rest];
  if (name === undefined || !Object.hasOwn(COMMANDS, name)) return await runMain(tell);
  await giveUpOthers(COMMANDS[name]!);
  const script = scriptOf(name);
  useCall({ script, before: [name], args });
  // The module runs its command.
  await import(script);
}

await run(Deno.args);
