/** Checks the completions of `groundray` in the shells themselves. */
import { assertEquals } from "@std/assert";
import { inFolder, readOutput, runCommand } from "../support/command.ts";

/** Writes the completions of a shell to a file in a folder, and returns the file's path. */
async function script(shell: string, folder: string): Promise<string> {
  const args = ["completions", shell];
  const { code, stdout, stderr } = await runCommand("groundray/groundray", args, folder, {
    set: "validate",
  });
  assertEquals([code, stderr], [0, ""]);
  await Deno.writeTextFile(`${folder}/completions`, stdout);
  return `${folder}/completions`;
}

/** Words that a user types before the tab, and the completions that must be shown. */
const CASES: Readonly<Record<string, readonly string[]>> = {
  "groundray ev": ["eval"],
  "groundray se": ["serve"],
  "groundray comp": ["compare", "completions"],
  "groundray eval --run": ["--runtime"],
  "groundray eval --runtime wa": ["wasm"],
  "groundray eval --no-o": ["--no-otsu"],
  "groundray compare --hel": ["--help"],
  "groundray cluster:slurm --shard": ["--shards"],
  "groundray completions ": ["bash", "fish", "zsh"],
  "groundray help sta": [],
};

Deno.test("bash completes commands, options and choices", () =>
  inFolder(async (folder) => {
    const path = await script("bash", folder);
    // Readline would split the line at "=" and ":" too.
    const cases = Object.keys(CASES).map((line) => `complete_line '${line}'`).join("\n");
    await Deno.writeTextFile(
      `${folder}/test.sh`,
      `source ${path}
complete_line() {
  COMP_LINE=$1 COMP_POINT=\${#1}
  read -ra COMP_WORDS <<<"\${1//:/ : }"
  if [[ $1 == *" " ]]; then COMP_WORDS+=(""); fi
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _groundray
  echo "\${COMPREPLY[@]}"
}
${cases}
complete_line 'groundray cluster:sl'
`,
    );
    const { code, stdout, stderr } = await readOutput("bash", { args: [`${folder}/test.sh`] });
    assertEquals([code, stderr], [0, ""]);
    const found = stdout.trimEnd().split("\n").map((line) => line.split(" ").sort());
    // Readline keeps the part before the colon.
    assertEquals(found, [...Object.values(CASES).map((words) => words.length ? words : [""]), [
      "slurm",
    ]]);
  }));

Deno.test("fish completes commands, options and choices", () =>
  inFolder(async (folder) => {
    const path = await script("fish", folder);
    const lines = Object.keys(CASES).map((line) => `complete -C '${line}'; echo =`).join("\n");
    const args = ["--no-config", "-c", `source ${path}\n${lines}`];
    const { code, stdout, stderr } = await readOutput("fish", { args });
    assertEquals([code, stderr], [0, ""]);
    const found = stdout.split("=\n").slice(0, -1)
      .map((part) => part.trim().split("\n").map((line) => line.split("\t")[0]!).sort());
    assertEquals(found, Object.values(CASES).map((words) => words.length ? words : [""]));
  }));

Deno.test("zsh reads the completions and registers them", () =>
  inFolder(async (folder) => {
    const path = await script("zsh", folder);
    const program = `autoload -U compinit && compinit -u -D && source ${path} && ` +
      "print -r -- $_comps[groundray]";
    const { code, stdout, stderr } = await readOutput("zsh", { args: ["-f", "-c", program] });
    assertEquals([code, stdout, stderr], [0, "_groundray\n", ""]);
  }));
