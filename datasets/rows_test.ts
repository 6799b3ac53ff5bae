import { assert, assertEquals, assertRejects } from "@std/assert";
import { BugError } from "../base/errors.ts";
import { ImagePaths } from "./_image_paths.ts";
import { toNumber } from "./csv.ts";
import { groupRows, mergeRows, type Row } from "./rows.ts";
import { show } from "./show.ts";
import type { DatasetItem } from "./sample.ts";

const row = (where: string, fields: Partial<Row> = {}): Row => ({
  where,
  image: "1.jpg",
  phrase: "haze",
  stem: "d",
  box: ["1", "2", "3", "4"],
  size: ["100", "200"],
  ...fields,
});

async function merge(rows: readonly Row[]): Promise<DatasetItem[]> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  try {
    const paths = new ImagePaths({ folder, prefix: "", beside: folder });
    return await Array.fromAsync(mergeRows(groupRows(rows), paths));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Returns the reason for a row's failure, or the sample as JSON if the row does not fail. */
async function reasonOf(fields: Partial<Row>): Promise<string> {
  const [item] = await merge([row("a:2", fields)]);
  return item?.kind === "failure" ? item.failure.reason : JSON.stringify(item);
}

Deno.test("toNumber() takes numbers as CSV and JSON write them and nothing else", () => {
  const good = ["259.0", " 7 ", "-1", "+.5", "3.", "1e2", 4].map(toNumber);
  assertEquals(good, [259, 7, -1, 0.5, 3, 100, 4]);
  for (const bad of ["", " ", "x", "0x10", "1,5", "NaN", "Infinity", ".", null, true, [1]]) {
    assert(Number.isNaN(toNumber(bad)), String(bad));
  }
});

Deno.test("toNumber() is not slow on a long field", () => {
  const begin = performance.now();
  assert(Number.isNaN(toNumber("1".repeat(1_000_000) + "x")));
  assert(performance.now() - begin < 2000);
});

Deno.test("show() cuts long values", () => {
  assertEquals([show("a"), show([1]), show(undefined)], ["a", "[1]", ""]);
  assertEquals(show("1".repeat(1000)).length, 81);
  assertEquals(show("1".repeat(1000), 10), "1111111111…");
});

Deno.test("show() makes any value printable", () => {
  assertEquals(show("\x1b[2J\r\u202e\ud800a"), "\\u001b[2J\\u000d\\u202e\\ud800a");
  // The numeric key takes `JSON.stringify` off its fast path, which needs no stack.
  const deep = JSON.parse("[".repeat(100_000) + '{"1":2}' + "]".repeat(100_000));
  assertEquals(show(deep), "a value that is nested too deeply");
});

Deno.test("groupRows() keeps rows without an image or a phrase apart", () => {
  const rows = [
    row("a:2", { phrase: " " }),
    row("a:3"),
    row("a:4", { image: "" }),
    row("a:5", { phrase: " " }),
    row("a:6", { image: "" }),
    row("a:7"),
  ];
  assertEquals(groupRows(rows).map((group) => group.rows.map(({ where }) => where)), [
    ["a:2"],
    ["a:3", "a:7"],
    ["a:5"],
    ["a:4"],
    ["a:6"],
  ]);
});

Deno.test("mergeRows() names the fault of a box", async () => {
  const cases: [readonly unknown[], string][] = [
    [["NaN", 2, 3, 4], 'x of the box must be a number, got "NaN"'],
    [[1, "", 3, 4], 'y of the box must be a number, got ""'],
    [[1, 2, "1e999", 4], 'w of the box must be a number, got "1e999"'],
    [[1, 2, 3, null], 'h of the box must be a number, got "null"'],
    [[1, 2, 3, "1e308"], 'h of the box must be a number, got "1e308"'],
    [[1, 2, 0, 4], "box [1,2,0,4] has no size"],
    [[1, 2, 3, -4], "box [1,2,3,-4] has no size"],
    [[1, 2, 0.9, 4], "box [1,2,0.9,4] has no size"],
    [[-0.5, 2, 3, 4], "box [-0.5,2,3,4] begins outside the image"],
    [[1, -2, 3, 4], "box [1,-2,3,4] begins outside the image"],
    [[100, 2, 3, 4], "box [100,2,3,4] lies outside the image of 100x200 pixels"],
    [[1, 200, 3, 4], "box [1,200,3,4] lies outside the image of 100x200 pixels"],
  ];
  for (const [box, reason] of cases) assertEquals(await reasonOf({ box }), reason);
});

Deno.test("mergeRows() makes boxes of corners, each cut to whole pixels", async () => {
  const boxColumns = { names: ["x1", "y1", "x2", "y2"], areCorners: true };
  // In floating point, 4.1 - 1.1 is less than 3.
  const [item] = await merge([
    row("a:2", { boxColumns, box: ["1.1", 2, "4.1", 4] }),
    row("a:3", { boxColumns, box: [90, 190, 120, 220] }),
  ]);
  const sample = item?.kind === "sample" ? item.sample : undefined;
  assertEquals(sample?.boxes, [[1, 2, 3, 2], [90, 190, 10, 10]]);
  assertEquals(sample?.notes, [
    "the box with corners [1.1,2,4.1,4] was cut to whole pixels",
    "the box with corners [90,190,120,220] reaches past the image and was cut to [90,190,10,10]",
  ]);
  const cases: [readonly unknown[], string][] = [
    [[5, 2, 3, 4], "the box with corners [5,2,3,4] has no size"],
    [[1, 2, "12,5", 4], 'x2 of the box must be a number, got "12,5"'],
  ];
  for (const [box, reason] of cases) assertEquals(await reasonOf({ boxColumns, box }), reason);
});

Deno.test("mergeRows() names the fault of an image's size, path or phrase", async () => {
  assertEquals(
    await reasonOf({ size: ["0", "200"] }),
    'the image size must be whole pixels, got "0 x 200"',
  );
  assertEquals(await reasonOf({ image: " " }), "the image's path is empty");
  assertEquals(await reasonOf({ phrase: " " }), "the phrase is empty");
});

Deno.test("mergeRows() gives the fault of an unreadable row before its other faults", async () => {
  assertEquals(
    await reasonOf({ image: "", phrase: "", fault: "a field too many" }),
    "a field too many",
  );
});

Deno.test("mergeRows() fails a sample with a bad row as a whole and names the row", async () => {
  const items = await merge([
    row("a:2"),
    row("a:3", { box: [1, 2, 0, 4] }),
    row("a:4", { phrase: "other" }),
    row("a:5", { phrase: "sizes" }),
    row("a:6", { phrase: "sizes", size: [100, 201] }),
  ]);
  assertEquals(
    items.map((item) => item.kind === "failure" ? item.failure : item.sample.id),
    [
      {
        id: "a:3",
        index: 0,
        image: "1.jpg",
        phrase: "haze",
        reason: "box [1,2,0,4] has no size (a:3, one of the 2 rows of its sample)",
      },
      "d#2",
      {
        id: "a:6",
        index: 2,
        image: "1.jpg",
        phrase: "sizes",
        reason: "the image is 100x201 pixels here, but 100x200 in a:5 " +
          "(a:6, one of the 2 rows of its sample)",
      },
    ],
  );
});

Deno.test("mergeRows() makes no bad row of a bug", async () => {
  const paths = { find: () => (undefined as unknown as [string])[0] } as unknown as ImagePaths;
  await assertRejects(
    () => Array.fromAsync(mergeRows(groupRows([row("rows.csv:2")]), paths)),
    BugError,
    "Cannot read the row at rows.csv:2: this is a bug of Groundray (TypeError: Cannot",
  );
});

Deno.test("mergeRows() notes changes of a box, and rows of two classes", async () => {
  const [item] = await merge([
    row("a:2", { box: ["1.9", 2, 3, 4], category: "Edema" }),
    row("a:3", { box: [90, 190, 20, 30], category: "Pneumonia" }),
    row("a:4", { box: ["5.0", 6, 7, 8], category: "Edema" }),
  ]);
  const sample = item?.kind === "sample" ? item.sample : undefined;
  assertEquals(sample?.boxes, [[1, 2, 3, 4], [90, 190, 10, 10], [5, 6, 7, 8]]);
  assertEquals(sample?.category, "Edema");
  assertEquals(sample?.notes, [
    "box [1.9,2,3,4] was cut to whole pixels",
    "box [90,190,20,30] reaches past the image and was cut to [90,190,10,10]",
    "its rows are of Edema and Pneumonia; it counts as Edema",
  ]);
});

Deno.test("mergeRows() gives ids and classes that can be printed, and ids that differ", async () => {
  const items = await merge([
    row("a:2", { stem: "\x1b", category: "\x1b" }),
    row("a:3", { stem: "\\u001b", phrase: "other" }),
    row("a:4", { stem: "x".repeat(5000), phrase: "third" }),
  ]);
  const found = items.map((item) => item.kind === "sample" ? item.sample : undefined);
  assertEquals(found.map((sample) => sample?.id), [
    "\\u001b#1",
    "\\u001b#2",
    `${"x".repeat(200)}…#1`,
  ]);
  assertEquals(found[0]?.category, "\\u001b");
});
