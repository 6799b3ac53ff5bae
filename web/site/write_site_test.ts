import { assertEquals, assertRejects } from "@std/assert";
import { InputError } from "../../base/errors.ts";
import { inFolder } from "../../tests/support/command.ts";
import { writeSite } from "./write_site.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Returns the text of every file below a folder, by path. */
async function filesIn(folder: string, start = ""): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) Object.assign(files, await filesIn(`${folder}/${name}`, `${start}${name}/`));
    else files[start + name] = await Deno.readTextFile(`${folder}/${name}`);
  }
  return files;
}

Deno.test("writeSite() replaces its own earlier files, and leaves those of others", () =>
  inFolder(async (folder) => {
    const out = `${folder}/new/site`;
    await writeSite(out, new Map([["index.html", bytes("1")], ["app-1/a/b.js", bytes("b")]]));
    await Deno.writeTextFile(`${out}/CNAME`, "example.org");
    await Deno.writeTextFile(`${out}/app-1/note.txt`, "a note");
    await writeSite(out, new Map([["index.html", bytes("2")], ["app-2/b.js", bytes("b")]]));
    const { "site.json": list, ...files } = await filesIn(out);
    assertEquals(files, {
      "index.html": "2",
      "app-2/b.js": "b",
      "CNAME": "example.org",
      "app-1/note.txt": "a note",
    });
    assertEquals(JSON.parse(list!), { groundray: "site", files: ["index.html", "app-2/b.js"] });
  }));

Deno.test("writeSite() refuses a folder of others, a file, and a list that leads elsewhere", () =>
  inFolder(async (folder) => {
    const files = new Map([["index.html", bytes("1")]]);
    await Deno.writeTextFile(`${folder}/precious.txt`, "mine");
    const refused = (reason: string) =>
      assertRejects(
        () => writeSite(folder, files),
        InputError,
        `Cannot write to folder "${folder}": ${reason}; choose an empty folder`,
      );
    await refused("it holds other files");
    await assertRejects(() => writeSite(`${folder}/precious.txt`, files), Error, "Cannot write to");
    const wrong = [
      "{",
      "[]",
      '{"groundray":"site"}',
      '{"groundray":"site","files":["../x"]}',
      '{"groundray":"site","files":["a//b"]}',
      '{"groundray":"site","files":["/etc/x"]}',
      '{"groundray":"site","files":["a\\\\..\\\\b"]}',
      '{"groundray":"site","files":[7]}',
      '{"files":["precious.txt"]}',
    ];
    for (const text of wrong) {
      await Deno.writeTextFile(`${folder}/site.json`, text);
      await refused('its "site.json" is not the list of an earlier site');
    }
    assertEquals(Object.keys(await filesIn(folder)).sort(), ["precious.txt", "site.json"]);
  }));

Deno.test("writeSite() goes on where a call before was killed", () =>
  inFolder(async (folder) => {
    const list = JSON.stringify({ groundray: "site", files: ["app-1/a.js", "index.html"] });
    await Deno.writeTextFile(`${folder}/site.json`, list);
    await Deno.mkdir(`${folder}/app-1`);
    await Deno.writeTextFile(`${folder}/app-1/a.js`, "half");
    await writeSite(folder, new Map([["index.html", bytes("2")]]));
    assertEquals(Object.keys(await filesIn(folder)).sort(), ["index.html", "site.json"]);
    assertEquals(await Array.fromAsync(Deno.readDir(folder), ({ name }) => name === "app-1"), [
      false,
      false,
    ]);
  }));
