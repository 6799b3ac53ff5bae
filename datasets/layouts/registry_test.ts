import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { folderOf } from "../../base/paths.ts";
import { openDataset } from "../open_dataset.ts";
import { IMAGES, type Layout } from "./layout.ts";
import { describeLayouts, LAYOUTS } from "./registry.ts";

Deno.test("the example of each layout is recognised, and every row becomes a sample", async () => {
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  try {
    for (const image of IMAGES) {
      await Deno.mkdir(folderOf(`${folder}/${image}`), { recursive: true });
      await Deno.writeTextFile(`${folder}/${image}`, "");
    }
    for (const [name, { table, json }] of Object.entries<Layout>(LAYOUTS)) {
      const files = {
        ...(table && { "rows.csv": table.example }),
        ...(json && { "rows.json": JSON.stringify(json.example) }),
      };
      for (const [file, text] of Object.entries(files)) {
        await Deno.writeTextFile(`${folder}/${file}`, text);
        const { kind, items } = await openDataset(`${folder}/${file}`);
        assertEquals(kind, name, file);
        const kinds = (await Array.fromAsync(items)).map((item) => item.kind);
        assertEquals(new Set(kinds), new Set(["sample"]), `${name}, ${file}`);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("describeLayouts() names every dataset, and how else rows may come", () => {
  const help = describeLayouts();
  assertMatch(
    help,
    /^MS-CXR as CSV or JSON, VinDr-CXR, .*, or the folder of one of them; or a CSV /,
  );
  for (const { title } of Object.values(LAYOUTS)) assertStringIncludes(help, title);
});
