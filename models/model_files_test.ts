import "../host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { readJson, readText } from "./model_files.ts";

Deno.test("readText() gives a file as it is, a mark of the byte order too, which is no JSON", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "\uFEFF{}é");
    assertEquals(await readText(path), "\uFEFF{}é");
    await Deno.writeTextFile(path, "\uFEFF{}");
    await assertRejects(() => readJson(path), SyntaxError, "it is not valid JSON");
    await Deno.writeTextFile(path, "{}");
    assertEquals(await readJson(path), {});
  } finally {
    await Deno.remove(path);
  }
});
