import { assertEquals, assertThrows } from "@std/assert";
import { ImagePaths } from "./_image_paths.ts";
import { readMask, readSegmentation, type RowMask } from "./masks.ts";
import { inFolder } from "../tests/support/command.ts";

Deno.test("readMask() finds the file, and names the fault of a place", () =>
  inFolder(async (folder) => {
    for (const name of ["images", "table"]) {
      await Deno.mkdir(`${folder}/${name}`);
      await Deno.writeTextFile(`${folder}/${name}/${name}.png`, "");
    }
    const paths = ["images", "table"].map((name) =>
      new ImagePaths({ folder: `${folder}/${name}`, prefix: "", beside: folder })
    );
    const image = { width: 10, height: 20 };
    const read = (mask: RowMask) => readMask(mask, image, paths);
    const path = "table.png";
    assertEquals(read({ path }), { kind: "png", path: `${folder}/table/table.png` });
    assertEquals(read({ path: "images.png", left: "2", top: 3, size: ["8", "17"] }), {
      ...{ kind: "png", path: `${folder}/images/images.png` },
      ...{ left: 2, top: 3 },
    });
    const faults: [mask: RowMask, reason: string][] = [
      [{ path: "none.png" }, 'there is no mask "none.png", neither below the images nor beside'],
      [{ path: "" }, "the mask's path is empty"],
      [{ path: "../table/x.png" }, 'the mask path "../table/x.png" leads to '],
      [{ path, left: "-1", top: 0 }, 'left of the mask must be a whole number from 0, got "-1"'],
      [{ path, left: 1, top: "" }, 'top of the mask must be a whole number from 0, got ""'],
      [{ path, left: 1, top: 1, size: [0, 1] }, 'size must be whole pixels, got "0 x 1"'],
      [
        { path, left: 3, top: 0, size: [8, 20] },
        "the mask of 8x20 pixels at 3, 0 reaches past the image of 10x20 pixels",
      ],
    ];
    for (const [mask, reason] of faults) assertThrows(() => read(mask), RangeError, reason);
  }));

Deno.test("readSegmentation() reads COCO's outlines and run lengths, and refuses other values", () => {
  const outline = [1, 2, 3, 2, 3, 4];
  const polygon = { kind: "polygon", polygons: [outline] } as const;
  assertEquals(readSegmentation([outline]), polygon);
  assertEquals(readSegmentation(outline), polygon);
  const rle = { kind: "rle", counts: [1, 5], width: 3, height: 2 } as const;
  assertEquals(readSegmentation({ counts: [1, 5], size: [2, 3] }), rle);
  assertEquals(readSegmentation({ counts: "15", size: [2, 3] }), { ...rle, counts: "15" });
  const faults: [value: unknown, reason: string][] = [
    [[], "the mask has no outline"],
    [
      [[1, 2, 3, 4]],
      "an outline must be x0, y0, x1, y1, … of at least three corners, got [1,2,3,4]",
    ],
    [[[...outline, 1]], "an outline must be x0, y0, x1, y1, … of at least"],
    [{ counts: [1, -5], size: [2, 3] }, "a mask must be outlines of numbers or run lengths"],
    [{ counts: [6] }, 'with their size, got {"counts":[6]}'],
    [7, "with their size, got 7"],
  ];
  for (const [value, reason] of faults) {
    assertThrows(() => readSegmentation(value), RangeError, reason);
  }
});
