import type { Command, Flag, Flags } from "../kit/flags.ts";

/** Shells with completions. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** A command for {@linkcode completionScript}. */
export interface CompletedCommand {
  /** Name after `groundray`. */
  readonly name: string;
  /** Purpose in a few words. */
  readonly about: string;
  /** Options and operand; a command without a declaration has neither. */
  readonly declaration?: Command<Flags>;
}

/** An option as it is typed. */
interface Option {
  readonly name: string;
  /** First sentence of the description. */
  readonly about: string;
  /** Word that follows the option: `none`, a file or folder, some choices, or any text. */
  readonly value: "none" | "path" | "text" | readonly string[];
}

/** Placeholders of options whose value is a file or a folder. */
const PATHS = ["DIR", "FILE", "PATH"];

/**
 * Writes the script that a shell reads to complete commands, options and their values.
 *
 * @param commands Commands in the order of the help text.
 */
export function completionScript(
  shell: typeof SHELLS[number],
  commands: readonly CompletedCommand[],
): string {
  return { bash: forBash, zsh: forZsh, fish: forFish }[shell](commands);
}

/** Options of a command as they are typed, `--help` among them; none without a declaration. */
function optionsOf({ declaration }: CompletedCommand): Option[] {
  if (!declaration) return [];
  const help: Flag = { type: "boolean", description: "Print the options and exit." };
  return Object.entries<Flag>({ ...declaration.flags, help }).map(([name, flag]) => {
    const isBoolean = flag.type === "boolean";
    return {
      name: isBoolean && flag.default === true ? `no-${name}` : name,
      about: flag.description.replace(/(?<=\.) .*/s, ""),
      value: isBoolean
        ? "none"
        : flag.choices ?? (PATHS.includes(flag.placeholder ?? "") ? "path" : "text"),
    };
  });
}

/** Quotes a word for every shell here. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function forBash(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name);
  const values = commands.flatMap((command) =>
    optionsOf(command).flatMap(({ name, value }) => {
      if (value === "none") return [];
      const action = value === "path"
        ? "compopt -o default"
        : value === "text"
        ? ":"
        : `_groundray_words ${quote(value.join(" "))}`;
      return [`    ${quote(`${command.name} --${name}`)}) ${action}; return ;;`];
    })
  );
  const options = commands.map((command) => {
    const words = optionsOf(command).map(({ name }) => `--${name}`).join(" ");
    return `    ${quote(command.name)}) _groundray_words ${quote(words)} ;;`;
  });
  return `# Completions of groundray for bash: source <(groundray completions bash)
_groundray_words() {
  COMPREPLY=($(compgen -W "$1" -- "$cur"))
}
_groundray() {
  local words cur=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  # Bash takes "=" and ":" for words of their own; the line holds the whole words.
  read -ra words <<<"\${COMP_LINE:0:COMP_POINT}"
  if [[ $cur == "=" ]]; then cur=; elif [[ $before == "=" ]]; then before=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  COMPREPLY=()
  if [[ \${#words[@]} -eq 1 || \${#words[@]} -eq 2 && \${COMP_LINE:COMP_POINT-1:1} != " " ]]; then
    local part=$cur cur=\${words[1]}
    _groundray_words ${quote([...names, "--help", "--version"].join(" "))}
    COMPREPLY=("\${COMPREPLY[@]#"\${cur%"$part"}"}")
    return
  fi
  case "\${words[1]} $before" in
    'completions completions') _groundray_words ${quote(SHELLS.join(" "))}; return ;;
    'help help') _groundray_words ${quote(names.join(" "))}; return ;;
${values.join("\n")}
  esac
  if [[ $cur != -* ]]; then compopt -o default; return; fi
  case "\${words[1]}" in
${options.join("\n")}
  esac
}
complete -F _groundray groundray`;
}

function forZsh(commands: readonly CompletedCommand[]): string {
  const escape = (text: string) => text.replace(/[\\:[\]]/g, "\\$&");
  const list = commands.map(({ name, about }) => `      ${quote(`${escape(name)}:${about}`)}`);
  const options = commands.map((command) => {
    const specs = optionsOf(command).map(({ name, about, value }) => {
      const action = value === "path" ? "_files" : value === "text" ? " " : value;
      const after = value === "none"
        ? ""
        : `:value:${typeof action === "string" ? action : `(${action.join(" ")})`}`;
      return quote(`*--${name}${value === "none" ? "" : "="}[${escape(about)}]${after}`);
    });
    const operand = command.declaration?.operand;
    const words = command.name === "completions"
      ? [quote(`1:shell:(${SHELLS.join(" ")})`)]
      : command.name === "help"
      ? [quote(`1:command:(${commands.map(({ name }) => escape(name)).join(" ")})`)]
      : operand === undefined
      ? []
      : [quote(`*:${operand}:_files`)];
    return `    ${escape(command.name)}) _arguments ${[...specs, ...words].join(" \\\n      ")} ;;`;
  });
  return `#compdef groundray
# Completions of groundray for zsh: source <(groundray completions zsh), or a file in a folder of fpath.
_groundray() {
  if (( CURRENT == 2 )); then
    local -a commands=(
${list.join("\n")}
    )
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${options.join("\n")}
  esac
}
if [[ $funcstack[1] == _groundray ]]; then _groundray "$@"; else compdef _groundray groundray; fi`;
}

function forFish(commands: readonly CompletedCommand[]): string {
  const line = (parts: readonly string[]) => ["complete -c groundray", ...parts].join(" ");
  const of = (name: string) => `-n ${quote(`__fish_seen_subcommand_from ${name}`)}`;
  const lines = commands.flatMap((command) => {
    const { name, about, declaration } = command;
    const words = name === "completions"
      ? SHELLS
      : name === "help"
      ? commands.map(({ name }) => name)
      : undefined;
    return [
      line(["-n __fish_use_subcommand", `-a ${quote(name)}`, `-d ${quote(about)}`]),
      ...(words ? [line([of(name), `-a ${quote(words.join(" "))}`])] : []),
      ...(declaration?.operand === undefined ? [] : [line([of(name), "-F"])]),
      ...optionsOf(command).map((option) => {
        const value = option.value === "none"
          ? []
          : option.value === "path"
          ? ["-r", "-F"]
          : option.value === "text"
          ? ["-x"]
          : ["-x", `-a ${quote(option.value.join(" "))}`];
        return line([of(name), `-l ${option.name}`, ...value, `-d ${quote(option.about)}`]);
      }),
    ];
  });
  return [
    "# Completions of groundray for fish: groundray completions fish | source",
    line(["-f"]),
    ...lines,
  ].join("\n");
}
