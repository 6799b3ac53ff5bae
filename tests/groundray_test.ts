import "../base/host/deno/mod.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import manifest from "../deno.json" with { type: "json" };
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import { type CommandResult, inFolder, readOutput, runCommand } from "./support/command.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);
const COMMANDS = Object.keys(manifest.permissions) as (keyof typeof manifest.permissions)[];

/** Runs `groundray` with the permissions of a command, or else as its overview is started. */
async function groundray(args: readonly string[], cwd = ROOT): Promise<CommandResult> {
  const set = COMMANDS.find((name) => name === args[0]) ?? "validate";
  const options = ["--quiet", "--no-prompt", `--config=${ROOT}deno.json`, `-P=${set}`];
  return await readOutput("deno", {
    args: ["run", ...options, `${ROOT}cli/groundray/groundray.ts`, ...args],
    cwd,
    env: { NO_COLOR: "1", INIT_CWD: "" },
  });
}

const helps = new Map<string, Promise<CommandResult>>();

/** The help text of a command by `groundray`; asked for once. */
function helpOf(name: string): Promise<CommandResult> {
  const help = helps.get(name) ?? groundray([name, "--help"]);
  helps.set(name, help);
  return help;
}

Deno.test("groundray lists all commands, says its version, and refuses an unknown name", async () => {
  const help = await groundray(["--help"]);
  assertEquals([help.code, help.stderr], [0, ""]);
  const words = help.stdout.replace(/\s+/g, " ");
  for (const name of COMMANDS) {
    assertStringIncludes(words, ` ${name} ${manifest.tasks[name].description}`);
  }
  assertEquals((await groundray([])).code, 2);
  assertEquals((await groundray(["--version"])).stdout, `groundray ${manifest.version}\n`);
  const unknown = await groundray(["grund"]);
  assertEquals([unknown.code, unknown.stdout], [2, ""]);
  assertEquals(unknown.stderr, 'Unknown command "grund": did you mean "ground"?\n');
  assertMatch((await groundray(["--port"])).stderr, /^Unknown option "--port": --help lists/);
  assertMatch((await groundray(["completions", "csh"])).stderr, /^Expected one of bash, zsh, fish/);
});

Deno.test("groundray's commands have the help texts of the tasks", async () => {
  for (const name of COMMANDS) {
    const task = await runCommand(name.replace(":", "/"), ["--help"], ROOT, { set: name });
    const own = await helpOf(name);
    assertEquals([task.code, own.code], [0, 0], task.stderr + own.stderr);
    assertEquals(own.stdout, task.stdout.replaceAll("deno task ", "groundray "));
    assertMatch(own.stdout, new RegExp(`^Usage: groundray ${name}\\b`));
  }
  const { stdout } = await helpOf("ground");
  assertEquals((await groundray(["help", "ground"])).stdout, stdout);
  const overview = await groundray(["completions", "--help"]);
  assertEquals([overview.code, overview.stdout.split("\n")[0]], [
    0,
    "Usage: groundray COMMAND [options]",
  ]);
  const unknown = await groundray(["help", "evl"]);
  assertEquals([unknown.code, unknown.stdout], [2, ""]);
  assertEquals(unknown.stderr, 'Unknown command "evl": did you mean "eval"?\n');
});

Deno.test("groundray carries out a command as its task does, from where it is called", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 3, images: 1 });
    const quick = ["--noise", "sample", "--steps", "10", "--device", "cpu", "--no-report"];
    const args = ["--dataset", "set", ...quick, "--progress", "quiet", "--out"];
    const own = await groundray(["eval", ...args, "own"], folder);
    const task = await runCommand("eval", [...args, "task"], folder);
    assertEquals([own.code, task.code], [0, 0], own.stderr + task.stderr);
    assertEquals(own.stdout, task.stdout.replaceAll("task", "own"));
    for (const name of ["results.jsonl", "heatmaps.bin", "run.json"]) {
      const [a, b] = await Promise.all(
        ["own", "task"].map((out) => Deno.readFile(`${folder}/${out}/${name}`)),
      );
      assertEquals(a, b, name);
    }
    const validated = await groundray(["validate", "own"], folder);
    assertMatch(validated.stdout, /^No difference in /);
    // Both threads refuse: the options before the confinement, their combination after it.
    const option = await groundray(["eval", "--datset", "set"], folder);
    assertEquals([option.code, option.stderr.match(/--dataset/)?.[0]], [2, "--dataset"]);
    const pair = await groundray(["eval", "--images", "set"], folder);
    assertEquals([pair.code, pair.stderr], [2, 'Option "--images" needs "--dataset"\n']);
    const absent = await groundray(["eval", "--model", "ldm", "--models", "none"], folder);
    assertMatch(absent.stderr, /fetch it by "groundray get ldm"\n$/);
  }));

Deno.test("groundray gives up all permissions that the command's task does not have", async () => {
  const sets = Object.values(manifest.permissions);
  const variables = [...new Set(sets.flatMap(({ env }) => env))];
  const all = ["--allow-read", "--allow-write", "--allow-net", "--allow-run", "--allow-ffi"];
  for (const name of COMMANDS) {
    const { stderr } = await readOutput("deno", {
      args: [
        ...["run", "--quiet", "--no-prompt", `--config=${ROOT}deno.json`, ...all],
        ...["--allow-sys=statfs", `--allow-env=${variables}`],
        ...[`${ROOT}tests/support/permission_states.ts`, name, "--help"],
      ],
    });
    const { env, ...others } = manifest.permissions[name];
    const left = JSON.parse(stderr.trim().split("\n").at(-1)!);
    assertEquals(
      left.toSorted(),
      // A permission for some system facts alone does not count as the whole permission.
      [...Object.keys(others).filter((name) => name !== "sys"), ...env].sort(),
      name,
    );
  }
});

/** The part of a completion script that belongs to a command. */
const PART_OF: Readonly<Record<string, (name: string) => RegExp>> = {
  bash: (name) => new RegExp(`^ {4}'${name}'\\).*$`, "gm"),
  zsh: (name) => new RegExp(`^ {4}${name.replace(":", "\\\\:")}\\) [^]*? ;;$`, "gm"),
  fish: (name) => new RegExp(`^.*__fish_seen_subcommand_from ${name}'.*$`, "gm"),
};

Deno.test("completions have the options of each command, and no others", async () => {
  const options = new Map<string, string[]>();
  for (const name of COMMANDS) {
    const { stdout } = await helpOf(name);
    const found = [...stdout.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, option]) => option!);
    options.set(name, found.sort());
  }
  for (const [shell, partOf] of Object.entries(PART_OF)) {
    const { code, stdout, stderr } = await groundray(["completions", shell]);
    assertEquals([code, stderr], [0, ""]);
    for (const [name, expected] of options) {
      const part = stdout.match(partOf(name))!.join("\n");
      // A description may name an option too.
      const words = part.matchAll(
        shell === "bash" ? /--([a-z-]+)/g : shell === "zsh" ? /'\*--([a-z-]+)/g : / -l ([a-z-]+)/g,
      );
      assertEquals([...words].map(([, option]) => option!).sort(), expected, `${shell}, ${name}`);
    }
    assertMatch(stdout, /auto native wasm webgpu /);
  }
});
