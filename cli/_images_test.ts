import { assertEquals, assertRejects } from "@std/assert";
import { inFolder } from "../tests/support/command.ts";
import { findImages, imageReach } from "./_images.ts";

Deno.test("findImages() takes files as they are, folders and patterns in order, and none twice", () =>
  inFolder(async (folder) => {
    for (const name of ["b.PNG", "a.dcm", "a[1].jpg", "c.txt", ".d.png"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    const find = async (...names: string[]) =>
      (await findImages(names.map((name) => `${folder}${name}`)))
        .map((path) => path.slice(folder.length));
    assertEquals(await find("/c.txt", ""), ["/c.txt", "/a.dcm", "/a[1].jpg", "/b.PNG"]);
    assertEquals(await find("/a*", "/[ab].*"), ["/a.dcm", "/a[1].jpg", "/b.PNG"]);
    assertEquals(await find("/a[1].jpg", "/missing.png"), ["/a[1].jpg", "/missing.png"]);
    await assertRejects(() => find("/*.gif"), Deno.errors.NotFound, "no file matches");
    await assertRejects(() => find("/*/x.png*"), Deno.errors.NotFound, "no file matches");
  }));

Deno.test("imageReach() is the folder of a pattern", () => {
  assertEquals(imageReach(["a/x.png", "a/*.png", "*.dcm"]), ["a/x.png", "a", "."]);
});
