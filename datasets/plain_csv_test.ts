import { assertEquals, assertThrows } from "@std/assert";
import { readCsv } from "./_csv.ts";
import { plainRows } from "./plain_csv.ts";

const rows = (text: string) => plainRows("m/a.csv", readCsv("m/a.csv", text));

Deno.test("plainRows() reads rows with a box, without one and with half of one", () => {
  const text = "phrase,w,h,x,y,image\nhaze,3,4,1,2,b/1.png\nhaze,,,,,1.png\nhaze,,4,1,2,1.png\n";
  assertEquals(rows(text).map(({ where, image, box }) => [where, image, box]), [
    ["a.csv:2", "b/1.png", ["1", "2", "3", "4"]],
    ["a.csv:3", "1.png", undefined],
    ["a.csv:4", "1.png", ["1", "2", "", "4"]],
  ]);
});

Deno.test("plainRows() reads class and split where they are there", () => {
  assertEquals(rows("image,phrase,category,split\n1.png, haze,Edema,val\n2.png,band,,\n"), [
    {
      where: "a.csv:2",
      stem: "1.png",
      image: "1.png",
      phrase: "haze",
      category: "Edema",
      split: "val",
    },
    { where: "a.csv:3", stem: "2.png", image: "2.png", phrase: "band" },
  ]);
});

Deno.test("plainRows() names the columns that are missing", () => {
  const begin = 'Cannot read "m/a.csv": column ';
  assertThrows(() => rows("image\n"), SyntaxError, `${begin}"phrase" is missing (found: image)`);
  assertThrows(() => rows("image,phrase,x,y,w\n"), SyntaxError, `${begin}"h" is missing`);
});
