import { assert, assertEquals, assertThrows } from "@std/assert";
import { ImagePaths, type ImageRoot } from "./_image_paths.ts";

const isWindows = Deno.build.os === "windows";

/**
 * Makes images in `data/images`, links in it to files elsewhere, files outside of it, and links
 * into it. Passes on the real path of the folder that holds them all.
 */
async function inTree(use: (top: string) => void): Promise<void> {
  const made = await Deno.makeTempDir({ prefix: "groundray-test-" });
  const top = await Deno.realPath(made);
  const files = [
    "data/images/real/d.png",
    "data/images/with space.png",
    "data/images/back\\slash.png",
    "data/secret.png",
    "data/images-other/x.png",
    "secret.png",
    "disk/files/p10/a.png",
    "disk/c.png",
    "disk/deep/e.png",
    "csv/own.png",
  ];
  try {
    for (const file of files) {
      await Deno.mkdir(`${top}/${file}/..`.replace(/[^/]*\/\.\.$/, ""), { recursive: true });
      await Deno.writeTextFile(`${top}/${file}`, file);
    }
    const links = {
      "data/images/files": "../../disk/files",
      "data/images/single.png": "../../disk/c.png",
      "data/images/real/deep": "../../../disk/deep",
      "data/images/loop.png": "loop.png",
      link: "data/images",
      "second-link": "link",
      "data-link": "data",
      "image-link.png": "data/images/real/d.png",
      "secret-link.png": "secret.png",
    };
    for (const [link, target] of Object.entries(links)) {
      await Deno.symlink(target, `${top}/${link}`);
    }
    use(top);
  } finally {
    await Deno.remove(top, { recursive: true });
  }
}

/** Runs a function in another current folder. */
function from<T>(folder: string, act: () => T): T {
  const before = Deno.cwd();
  Deno.chdir(folder);
  try {
    return act();
  } finally {
    Deno.chdir(before);
  }
}

const pathsOf = (folder: string, root: Partial<ImageRoot> = {}) =>
  new ImagePaths({ folder, prefix: "", beside: folder, ...root });

/** Message with which a path is refused. */
function reasonOf(paths: ImagePaths, path: string): string {
  return assertThrows(() => paths.find(path), RangeError).message;
}

Deno.test({
  name: "ImagePaths reads what leads into the root however it is spelled, by one path below it",
  ignore: isWindows,
  fn: () =>
    inTree((top) => {
      const cases = {
        "real/d.png": [
          "real/../real/d.png",
          "nowhere/../real/d.png",
          "files/../real/d.png",
          "real\\d.png",
          `${top}/data/images/real/d.png`,
          `${top}//data/./images/real/../real/d.png`,
          `${top}\\data\\images\\real\\d.png`,
          `${top}/link/real/d.png`,
          `${top}/second-link/real/d.png`,
          `${top}/data-link/images/real/d.png`,
          `${top}/image-link.png`,
          `file://${top}/data/images/real/d.png`,
          "../images/real/d.png",
          "images/real/d.png",
          "data/images/real/d.png",
          "../../elsewhere/../data/images/real/d.png",
          "../../data/images/real/d.png",
        ],
        "with space.png": [`file://${top}/link/with%20space.png`],
        "back\\slash.png": ["back\\slash.png", `${top}/link/back\\slash.png`],
        // Through links in the root, and by the targets of these links.
        "files/p10/a.png": [
          "files/p10/a.png",
          "files\\p10\\a.png",
          `${top}/link/files/p10/a.png`,
          `${top}/disk/files/p10/a.png`,
        ],
        "single.png": ["single.png", `${top}/disk/c.png`],
        "real/deep/e.png": ["real/deep/e.png", `${top}/disk/deep/e.png`],
        // A missing file is left to the reader of the image, which reports it.
        "missing.png": ["missing.png", `${top}/second-link/missing.png`],
        "files/missing.png": [`${top}/disk/files/missing.png`],
      };
      for (const root of ["data/images", "link", "second-link", "data-link/../link"]) {
        for (const [expected, spelled] of Object.entries(cases)) {
          const paths = pathsOf(`${top}/${root}`);
          for (const path of spelled) {
            assertEquals(paths.find(path), `${top}/${root}/${expected}`, `${root}: ${path}`);
          }
        }
        const asWritten = "./real//d.png";
        assertEquals(pathsOf(`${top}/${root}`).find(asWritten), `${top}/${root}/${asWritten}`);
      }
      const paths = pathsOf(`${top}/data`);
      assertEquals(paths.find("images/files/p10/a.png"), `${top}/data/images/files/p10/a.png`);
      assertEquals(pathsOf("/").find(`${top}/secret.png`), `${top}/secret.png`);
    }),
});

Deno.test({
  name: "ImagePaths finds the paths of a run, whatever its root was called",
  ignore: isWindows,
  fn: () =>
    inTree((top) => {
      const roots: [root: string, from: string][] = [
        ["data/images", "."],
        ["./data/images/", "."],
        ["data/../data//images", "."],
        ["link", "."],
        [".", "data/images"],
        ["..", "data/images/real"],
        ["../data/images", "csv"],
        ["../../data/images", "data/csv"],
        [`${top}/data/images`, "csv"],
        [`${top}/data/../link`, "csv"],
      ];
      Deno.mkdirSync(`${top}/data/csv`);
      // Paths as in the results of a run: the root as given, then the dataset's path.
      const named = roots.map(([root, folder]) =>
        from(`${top}/${folder}`, () => ({ root, folder, path: pathsOf(root).find("real/d.png") }))
      );
      for (const { root, folder, path } of named) {
        // In the same folder any name of the root works; elsewhere, names that repeat its folders.
        const calls: [root: string, from: string][] = [
          [root, folder],
          [`${top}/data/images`, folder],
          [`${top}/second-link/`, folder],
          ...(/images/.test(root) ? [["../data/images", "csv"] as [string, string]] : []),
        ];
        for (const [again, where] of calls) {
          from(`${top}/${where}`, () => {
            const found = pathsOf(again, { beside: `${top}/disk` }).find(path);
            assertEquals(
              Deno.realPathSync(found),
              `${top}/data/images/real/d.png`,
              `"${path}" by --images ${again} from ${where}`,
            );
          });
        }
      }
    }),
});

Deno.test({
  name: "ImagePaths reads what lies where the dataset's file is, and no mere name of elsewhere",
  ignore: isWindows,
  fn: () =>
    inTree((top) => {
      const paths = pathsOf(top, { beside: `${top}/csv` });
      assertEquals(paths.find("own.png"), `${top}/csv/own.png`);
      assertEquals(paths.find("../data/secret.png"), `${top}/data/secret.png`);
      // The current folder lies in the root and holds another image of that name.
      const found = from(`${top}/data/images/real`, () =>
        pathsOf(`${top}/data/images`).find("d.png"));
      assertEquals(found, `${top}/data/images/d.png`);
    }),
});

Deno.test({
  name: "ImagePaths says where a path leads that is outside, and what would allow it",
  ignore: isWindows,
  fn: () =>
    inTree((top) => {
      const root = `${top}/data/images`;
      const outside: Record<string, [where: string, images: string, path?: string]> = {
        "../secret.png": [`${top}/data/secret.png`, `${top}/data`, "secret.png"],
        "..\\secret.png": [`${top}/data/secret.png`, `${top}/data`, "secret.png"],
        "../../secret.png": [`${top}/secret.png`, top, "secret.png"],
        "real/../../secret.png": [`${top}/data/secret.png`, `${top}/data`, "secret.png"],
        // As in Deno's permissions, ".." after a link leads to the folder that holds the link.
        "files/../../secret.png": [`${top}/data/secret.png`, `${top}/data`, "secret.png"],
        "../images-other/x.png": [
          `${top}/data/images-other/x.png`,
          `${top}/data`,
          "images-other/x.png",
        ],
        "/etc/passwd": ["/etc/passwd", "/"],
        "//etc/passwd": ["/etc/passwd", "/"],
        "file:///etc/passwd": ["/etc/passwd", "/"],
        [`${top}/secret.png`]: [`${top}/secret.png`, top],
        [`${top}/secret-link.png`]: [`${top}/secret.png`, top],
        [`${top}/data/images-other/x.png`]: [`${top}/data/images-other/x.png`, `${top}/data`],
      };
      for (const [path, [where, images, other]] of Object.entries(outside)) {
        const reason = reasonOf(pathsOf(root), path);
        assert(reason.startsWith(`the image path "${path.slice(0, 80)}`), reason);
        assert(reason.includes(where), reason);
        const rest = other === undefined ? "" : ` and the path "${other}"`;
        assert(reason.endsWith(`; --images "${images}"${rest} would allow it`), reason);
        // Check that the advice works.
        assertEquals(
          Deno.realPathSync(pathsOf(images).find(other ?? path)),
          Deno.realPathSync(where),
        );
      }
      assertEquals(
        reasonOf(pathsOf(root), "/etc/passwd"),
        `the image path "/etc/passwd" lies outside the image folder "${root}"; --images "/" would ` +
          "allow it",
      );
    }),
});

Deno.test({
  name: "ImagePaths says what is no path here",
  ignore: isWindows,
  fn: () =>
    inTree((top) => {
      const paths = pathsOf(`${top}/data/images`);
      const reasons = {
        "": "the image's path is empty",
        " ": "the image's path is empty",
        "a\0b": 'the image path "a\\u0000b" has a zero character, which no file\'s name may have',
        "loop.png": 'the image path "loop.png" cannot be followed',
        "with space.png/a.png": 'the image path "with space.png/a.png" cannot be followed',
        ["d/".repeat(3000)]: `the image path "${"d/".repeat(40)}…" has 6000 characters`,
        ["x".repeat(300)]: `the image path "${"x".repeat(80)}…" cannot be followed`,
      };
      for (const [path, reason] of Object.entries(reasons)) {
        assertEquals(reasonOf(paths, path), reason);
      }
      for (const path of ["C:\\set\\a.png", "c:/set/a.png", "\\\\server\\set\\a.png"]) {
        assertEquals(
          reasonOf(paths, path),
          `the image path "${path}" is a path of Windows, which leads to no file here; expected a ` +
            "path below the image folder",
        );
      }
      for (const path of ["https://example.org/a.png", "file://server/a.png"]) {
        assert(reasonOf(paths, path).includes("is an address, which leads to no file here"));
      }
    }),
});

Deno.test({
  name: "ImagePaths.detours() gives the links outside by which paths lead into the root, alone",
  ignore: isWindows,
  fn: () =>
    inTree((top) => {
      const paths = [
        "real/d.png",
        "files/p10/a.png",
        "../secret.png",
        "/etc/passwd",
        `${top}/secret-link.png`,
        `${top}/data/images/real/d.png`,
        `${top}/disk/files/p10/a.png`,
      ];
      assertEquals(pathsOf(`${top}/data/images`).detours(paths), []);
      const over = [`${top}/link/real/d.png`, `${top}/link/x.png`, `${top}/image-link.png`];
      assertEquals(
        pathsOf(`${top}/data-link/images`).detours([...paths, ...over]),
        [`${top}/link`, `${top}/image-link.png`],
      );
      from(top, () => {
        assertEquals(pathsOf(`${top}/data/images`).detours(["link/real/d.png"]), [`${top}/link`]);
      });
    }),
});
