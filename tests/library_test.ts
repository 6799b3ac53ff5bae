import { assertEquals } from "@std/assert";
import * as library from "../mod.ts";

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
  const blocks = [...PAGE.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code!);
  const names = blocks.flatMap((code) => {
    const imports = [...code.matchAll(/^import \{([^}]*)\} from "\.\.\/mod\.ts";$/gm)];
    return imports.flatMap(([, found]) => found!.split(",").map((name) => name.trim()));
  });
  assertEquals([...new Set(names)].sort(), listed("yes", "no"));
});
