import "../../base/host/deno/mod.ts";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { decodeImage } from "../../pipeline/decode.ts";
import { inFolder } from "../../tests/support/command.ts";
import { findImages, imageReach } from "./images.ts";

Deno.test("findImages() takes files, folders and patterns in order, and no file twice", () =>
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

/** Returns a function that finds images, with paths relative to the test's folder. */
function findIn(folder: string, notices: string[] = []) {
  return async (...paths: string[]) =>
    (await findImages(paths.map((path) => `${folder}/${path}`), (notice) => notices.push(notice)))
      .map((path) => path.slice(folder.length + 1));
}

async function writeFiles(folder: string, files: Record<string, Uint8Array | string>) {
  for (const [path, content] of Object.entries(files)) {
    await Deno.mkdir(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${folder}/${path}`, bytes);
  }
}

const DICOM = new Uint8Array(200);
DICOM.set(new TextEncoder().encode("DICM"), 128);
const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0);

Deno.test("findImages() tells images without an ending by their content", () =>
  inFolder(async (folder) => {
    await writeFiles(folder, {
      ...{ "I/IM0001": DICOM, "I/1.2.840.113619.2.5": DICOM, "I/scan": PNG, "I/photo.bak": JPEG },
      ...{ "I/cut.JPE": "", "I/DICOMDIR": DICOM, "I/Thumbs.db": PNG, "I/README.txt": "text" },
      ...{ "I/.DS_Store": "", "I/._scan.png": "", "I/empty": "", "I/below/IM1": DICOM },
    });
    const notices: string[] = [];
    const images = ["1.2.840.113619.2.5", "IM0001", "cut.JPE", "photo.bak", "scan"];
    const find = findIn(folder, notices);
    assertEquals(await find("I"), images.map((name) => `I/${name}`));
    assertEquals(notices.length, 1);
    assertMatch(notices[0]!, /^Passed over 4 files that are no images, such as ".*\/DICOMDIR"\.$/);
    assertEquals(await find("I/IM*"), ["I/IM0001"]);
    await assertRejects(() => find("I/R*"), Deno.errors.NotFound, "none of the 1 files that match");
    const nested = "it holds none, its folders do: give the pattern";
    await Deno.mkdir(`${folder}/outer`);
    await Deno.rename(`${folder}/I`, `${folder}/outer/I`);
    await assertRejects(() => find("outer"), Deno.errors.NotFound, nested);
    assertEquals((await find("outer/**/*")).length, 6);
  }));

Deno.test("findImages() takes the images that exports have without endings", async () => {
  const study = new URL(
    "../../../shared/cases/ground-folder-without-endings/study",
    import.meta.url,
  );
  const found = await findImages([study.pathname]);
  assertEquals(found.map((path) => path.replace(/.*\//, "")), ["IM0001", "IM0002"]);
});

Deno.test("findImages() takes wildcards in folders, braces and names that hold either", () =>
  inFolder(async (folder) => {
    const files = ["p1/s1/a.png", "p1/s2/b.dcm", "p2/s1/c.png", "p2/d[1].png", "{x,y}/e.png"];
    await writeFiles(folder, Object.fromEntries(files.map((path) => [path, ""])));
    await Deno.symlink(`${folder}/p2`, `${folder}/p3`);
    await Deno.symlink(folder, `${folder}/p1/round`);
    const find = findIn(folder);
    assertEquals(await find("*/s1/*"), ["p1/s1/a.png", "p2/s1/c.png", "p3/s1/c.png"]);
    assertEquals(await find("**/*.dcm"), ["p1/s2/b.dcm"]);
    assertEquals(await find("p2/**/*.png"), ["p2/d[1].png", "p2/s1/c.png"]);
    assertEquals(await find("{p2,p1}/s1/?.png"), ["p2/s1/c.png", "p1/s1/a.png"]);
    assertEquals(await find("p{1/s2,2/s1}/*"), ["p1/s2/b.dcm", "p2/s1/c.png"]);
    assertEquals(await find("p[1-2]/s1/[ac].png"), ["p1/s1/a.png", "p2/s1/c.png"]);
    assertEquals(await find("p2/d[1].png", "{x,y}/*.png"), ["p2/d[1].png", "{x,y}/e.png"]);
    const reach = async (path: string) => (await imageReach([`${folder}/${path}`]))[0]!;
    for (const [path, below] of [["*/s1/*", ""], ["p2/**/*", "/p2"], ["{x,y}/*", "/{x,y}"]]) {
      assertEquals(await reach(path!), `${folder}${below}`);
    }
  }));

Deno.test("an image with a name of other bytes than UTF-8 is named as such", async () => {
  // Deno reports such bytes as U+FFFD, and cannot open a file by that name.
  const image = "caf\ufffd.png";
  await assertRejects(() => decodeImage(image), Deno.errors.NotFound, "is not UTF-8; rename it");
});

Deno.test("imageReach() is the folder before the wildcards of a pattern", async () => {
  const paths = ["a/x.png", "a/*.png", "*.dcm", "a/*/b/*.png", "/*/x"];
  assertEquals(await imageReach(paths), ["a/x.png", "a", ".", "a", "/"]);
});
