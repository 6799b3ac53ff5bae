import "../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { readJson, readText } from "./model_files.ts";

Deno.test("readText() and readJson() take a mark of the byte order, and UTF-16 with it", async () => {
  const path = await Deno.makeTempFile();
  try {
    const text = '{"a": "é"}';
    const utf16 = Uint16Array.from(`\ufeff${text}`, (unit) => unit.charCodeAt(0));
    for (const bytes of [new TextEncoder().encode(`\ufeff${text}`), new Uint8Array(utf16.buffer)]) {
      await Deno.writeFile(path, bytes);
      assertEquals(await readText(path), text);
      assertEquals(await readJson(path), { a: "é" });
    }
    await Deno.writeTextFile(path, "{");
    await assertRejects(
      () => readJson(path),
      SyntaxError,
      `Cannot read "${path}": it is not valid`,
    );
  } finally {
    await Deno.remove(path);
  }
});
