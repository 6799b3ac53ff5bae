import { assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url).pathname;

/** Folders of tools: they may import every room, and no room imports them. */
const TOOLS = ["tests", "bench", "packaging", "models/demo/training"];

/** Highest number of source files in a folder, tests aside: a larger folder should be two rooms. */
const MOST_FILES = 16;

/** A relative import or export, type imports included. */
const IMPORT = /\bfrom\s+"(\.[^"]*)"|^import\s+"(\.[^"]*)"|\bimport\("(\.[^"]*)"\)/gm;

/** Returns the paths of all TypeScript files below a folder. */
function* filesBelow(folder: string): Iterable<string> {
  for (const { name, isDirectory } of Deno.readDirSync(`${ROOT}${folder}`)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (isDirectory && !/^\.|^node_modules$|^out$/.test(name)) yield* filesBelow(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

const isTool = (path: string) =>
  path.endsWith("_test.ts") || /(^|\/)fixtures\//.test(path) ||
  TOOLS.some((folder) => path.startsWith(`${folder}/`));

/** Returns the paths of the files that a file imports. */
function importsOf(path: string): string[] {
  const text = Deno.readTextFileSync(ROOT + path).replace(/^\s*(\*|\/\/).*$/gm, "");
  return [...text.matchAll(IMPORT)].map(([, ...found]) => {
    const specifier = found.find((part) => part !== undefined)!;
    return new URL(specifier, `file:///${path}`).pathname.slice(1);
  });
}

/** The imports of each source file, by path. */
const SOURCES = new Map(
  [...filesBelow("")].filter((path) => !isTool(path)).map((path) => [path, importsOf(path)]),
);

const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);

const roomOf = (path: string) => path.slice(0, path.indexOf("/") + 1);

/** Returns the rooms in order; only `docs/architecture.md` lists them. */
function roomsInOrder(): string[] {
  const page = Deno.readTextFileSync(`${ROOT}docs/architecture.md`);
  const start = page.indexOf("\n## Rooms\n");
  const section = page.slice(start, page.indexOf("\n## ", start + 1));
  return [...section.matchAll(/^\| `([a-z]+\/)` \|/gm)].map(([, room]) => room!);
}

Deno.test("no import climbs: a room imports the rooms above it in docs/architecture.md", () => {
  const order = roomsInOrder();
  const climbs: string[] = [];
  for (const [path, imports] of SOURCES) {
    for (const target of imports) {
      const [room, other] = [roomOf(path), roomOf(target)];
      if (room === other || room === "" || target === "deno.json") continue;
      const place = order.indexOf(other);
      if (place < 0 || place >= order.indexOf(room)) climbs.push(`${path} imports ${target}`);
    }
  }
  assertEquals(climbs, []);
  const rooms = new Set([...SOURCES.keys()].map(roomOf).filter((room) => room !== ""));
  assertEquals(order.toSorted(), [...rooms].sort(), "the table names every room");
});

Deno.test("no files import each other in a circle", () => {
  const open: string[] = [];
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string) => {
    if (open.includes(path)) circles.push([...open.slice(open.indexOf(path)), path].join(" -> "));
    if (open.includes(path) || done.has(path)) return;
    open.push(path);
    for (const target of SOURCES.get(path) ?? []) visit(target);
    open.pop();
    done.add(path);
  };
  for (const path of SOURCES.keys()) visit(path);
  assertEquals(circles, []);
});

Deno.test("a file whose name begins with _ is imported from its own folder alone", () => {
  const wrong = [...SOURCES].flatMap(([path, imports]) =>
    imports
      .filter((target) => target.slice(folderOf(target).length).startsWith("_"))
      .filter((target) => folderOf(target) !== folderOf(path))
      .map((target) => `${path} imports ${target}`)
  );
  assertEquals(wrong, []);
});

Deno.test("no folder holds more files than a reader can keep in mind", () => {
  const folders = Map.groupBy(SOURCES.keys(), folderOf);
  const crowded = [...folders].filter(([, files]) => files.length > MOST_FILES)
    .map(([folder, files]) => `${folder} holds ${files.length}`);
  assertEquals(crowded, []);
});
