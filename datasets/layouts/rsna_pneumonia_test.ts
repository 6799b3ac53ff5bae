import { assertEquals } from "@std/assert";
import { readCsv } from "../csv.ts";
import { rsnaRows } from "./rsna_pneumonia.ts";

Deno.test("rsnaRows() reads the boxes of pneumonia, and leaves out images without", () => {
  const rows = rsnaRows(
    "labels.csv",
    readCsv(
      "labels.csv",
      [
        "patientId,x,y,width,height,Target",
        "p1,,,,,0",
        "p0,,,,, 0.0",
        "p2,264.0,152.0,213.0,379.0,1.0",
        "p3,1,2,3,4,maybe",
      ].join("\n"),
    ),
  );
  const known = { phrase: "The patient has Pneumonia", category: "Pneumonia" };
  assertEquals(rows, [
    {
      where: "labels.csv:4",
      stem: "p2",
      image: "p2",
      box: ["264.0", "152.0", "213.0", "379.0"],
      ...known,
    },
    {
      where: "labels.csv:5",
      stem: "p3",
      image: "p3",
      box: ["1", "2", "3", "4"],
      fault: '"Target" must be 0 or 1, got "maybe"',
      ...known,
    },
  ]);
});
