import { assert, assertEquals, assertMatch } from "@std/assert";
import * as library from "../mod.ts";
import { exportsOf } from "./support/api.ts";
import { inFolder, readOutput } from "./support/command.ts";

const PAGE = await Deno.readTextFile(new URL("../docs/library.md", import.meta.url));

/** Names of the page's table, by the last column: in a browser `yes`, `no` or `only`. */
const NAMES = Map.groupBy(
  PAGE.matchAll(/^\| `(\w+)` \|.*\| (yes|no|only) \|$/gm).map(([, name, place]) => ({
    name,
    place,
  })),
  ({ place }) => place,
);

const listed = (...places: string[]) =>
  places.flatMap((place) => NAMES.get(place)?.map(({ name }) => name!) ?? []).sort();

Deno.test("mod.ts exports the names that docs/library.md lists, and no others", () => {
  assertEquals(Object.keys(library).sort(), listed("yes", "no"));
});

Deno.test("docs/library.md has an example that runs for each export", () => {
  const blocks = [...PAGE.matchAll(/^```ts(?: ignore)?\n([^]*?)^```$/gm)].map(([, code]) => code!);
  const names = blocks.flatMap((code) => {
    const imports = [
      ...code.matchAll(/^import \{([^}]*)\} from "(?:\.\.\/mod\.ts|groundray)";$/gm),
    ];
    return imports.flatMap(([, found]) => found!.split(",").map((name) => name.trim()));
  });
  assertEquals([...new Set(names)].sort(), listed("yes", "no"));
});

Deno.test("an export changes only if CHANGELOG.md names it above the last release", async () => {
  const [version, ...lines] = (await Deno.readTextFile(new URL("api.txt", import.meta.url)))
    .trimEnd().split("\n");
  const before = new Map(lines.map((line) => line.split(" ") as [string, string]));
  const now = await exportsOf();
  const changelog = await Deno.readTextFile(new URL("../CHANGELOG.md", import.meta.url));
  const [fresh, released] = changelog.split(`\n## ${version}`);
  assert(released !== undefined, `CHANGELOG.md has no section ${version}`);
  const unnamed = [...new Set([...before.keys(), ...now.keys()])]
    .filter((name) => before.get(name) !== now.get(name))
    .filter((name) => !new RegExp(`\`${name}\\b`).test(fresh!));
  assertEquals(unnamed, [], "changed exports that CHANGELOG.md does not name");
});

/** Expected output of each program of the page, by the name of its file. */
const PROGRAMS = {
  "ground.ts": /^left pleural effusion 128x128 16384 0\.\d+ \[[ \d,]+\]\n5 tokens\n$/,
  "stream.ts": /^wide\.dcm#1 0(\.\d+)?\n(.*\n)*broken\.png#1 Cannot read image .*\n/m,
  "score.ts": /^0\.\d+\n\{\s+"pointing-game": [^]*\}\n$/,
  "methods.ts": /^wide\.dcm#1 ldm 0(\.\d+)?\nwide\.dcm#1 center .*\nwide\.dcm#1 whole .*\n/,
};

Deno.test("the programs of docs/library.md run in a folder of their own", () =>
  inFolder(async (folder) => {
    const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
    const here = (text: string) => text.replaceAll("../groundray", root);
    const fixture = `${root}/tests/old_runs/fixture/set`;
    await Deno.mkdir(`${folder}/images`);
    for await (const { name } of Deno.readDir(fixture)) {
      await Deno.copyFile(`${fixture}/${name}`, `${folder}/images/${name}`);
    }
    await Deno.copyFile(`${fixture}/rows.csv`, `${folder}/rows.csv`);
    await Deno.copyFile(`${root}/docs/phantom.jpg`, `${folder}/my-xray.jpg`);
    const [, config] = PAGE.match(/^```json\n([^]*?)^```$/m)!;
    await Deno.writeTextFile(`${folder}/deno.json`, here(config!));
    const pairs = PAGE.matchAll(/^```ts ignore\n([^]*?)^```\n\n```sh\ndeno run ([^]*?)^```$/gm);
    const ran = await Array.fromAsync(pairs, async ([, code, line]) => {
      const words = here(line!).replaceAll(/\\\n/g, "").match(/"[^"]*"|\S+/g)!;
      const args = words.map((word) => word.replaceAll('"', ""));
      const name = args.find((word) => word.endsWith(".ts"))!;
      await Deno.writeTextFile(`${folder}/${name}`, here(code!));
      const { code: status, stdout, stderr } = await readOutput("deno", {
        args: ["run", "--quiet", "--no-prompt", ...args],
        cwd: folder,
        env: { NO_COLOR: "1" },
      });
      assertEquals(status, 0, `${name}: ${stderr}`);
      assertMatch(stdout, PROGRAMS[name as keyof typeof PROGRAMS], name);
      return name;
    });
    assertEquals(ran, Object.keys(PROGRAMS));

    await Deno.remove(`${folder}/deno.json`);
    const flags = ["--quiet", "--no-prompt", "--allow-read", "--allow-ffi", "--allow-env"];
    const args = ["run", `--config=${root}/deno.json`, ...flags, "score.ts"];
    const { stdout } = await readOutput("deno", { args, cwd: folder, env: { NO_COLOR: "1" } });
    assertMatch(stdout, PROGRAMS["score.ts"], "by --config");
  }));
