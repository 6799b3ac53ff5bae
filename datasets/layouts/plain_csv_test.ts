import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readCsv } from "../csv.ts";
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

Deno.test("plainRows() finds boxes by the names that tables give them", () => {
  const found = (columns: string) => {
    const values = columns.split(",").map((_, i) => i + 1).join();
    const [row] = rows(`image,phrase,${columns}\n1.png,haze,${values}\n`);
    return row?.box && [row.box.join(), row.boxColumns!.areCorners];
  };
  const cases: [string, string, boolean][] = [
    ["x,y,w,h", "1,2,3,4", false],
    ["X,Y,W,H", "1,2,3,4", false],
    ["x,y,width,height", "1,2,3,4", false],
    ["bbox_x,bbox_y,bbox_w,bbox_h", "1,2,3,4", false],
    ["Bbox [x,y,w,h]", "1,2,3,4", false],
    ["left,top,width,height", "1,2,3,4", false],
    ["x_min,y_min,width,height", "1,2,3,4", false],
    ["x1,y1,x2,y2", "1,2,3,4", true],
    ["y0,x0,y1,x1", "2,1,4,3", true],
    ["xmin,ymin,xmax,ymax", "1,2,3,4", true],
    ["X Min,X Max,Y Min,Y Max", "1,3,2,4", true],
    ["left,top,right,bottom", "1,2,3,4", true],
    ["xtl,ytl,xbr,ybr", "1,2,3,4", true],
    ["x,y,x2,y2", "1,2,3,4", true],
    // Beside a complete box, further columns are the image's size or repeat the box.
    ["x_min,y_min,x_max,y_max,width,height", "1,2,3,4", true],
    ["x1,y1,x2,y2,x,y,w,h", "5,6,7,8", false],
  ];
  for (const [columns, box, areCorners] of cases) {
    assertEquals(found(columns), [box, areCorners], columns);
  }
  for (const columns of ["left,right", "x1,y1", "W", "width,height", "label_x,box_count"]) {
    assertEquals(found(columns), undefined, columns);
  }
});

Deno.test("plainRows() says which columns look like boxes that are not read", () => {
  const expected = "like a box, expected the columns x, y, w, h, or corners such as x1, y1, x2, y2";
  const cases: [string, string][] = [
    ["bbox", `column "bbox" looks ${expected}`],
    ["Boxes", `column "Boxes" looks ${expected}`],
    ["x_center,y_center,width,height", `columns "x_center", "y_center" look ${expected}`],
    ["xmin,ymin,xmax", `columns "xmin", "ymin", "xmax" look ${expected}`],
    [
      "x0,y0,x1,y1,x2,y2",
      `both columns "x1", "y1", "x2", "y2" and columns "x0", "y0", "x1", "y1" look ${expected}`,
    ],
    ["x,y,x2", 'columns "w", "h" are missing'],
    ["cx,cy,w,h", 'columns "x", "y" are missing'],
  ];
  for (const [columns, message] of cases) {
    assertThrows(() => rows(`image,phrase,${columns}\n`), SyntaxError, message);
  }
});

Deno.test("plainRows() has no box where all four fields say so, as pandas and R write it", () => {
  const empty = [",,,", "NaN,NaN,NaN,NaN", "nan,nan,,", "NA,NA,NA,NA", " , ,null,<NA>"];
  for (const text of empty) {
    assertEquals(rows(`image,phrase,x,y,w,h\n1.png,haze,${text}\n`)[0]!.box, undefined, text);
  }
  const [row] = rows("image,phrase,x,y,w,h\n1.png,haze,NaN,1,2,3\n");
  assertEquals(row!.box, ["NaN", "1", "2", "3"]);
});

Deno.test("plainRows() reads masks: files with or without a place, and COCO's segmentations", () => {
  const found = rows(
    "image,phrase,mask,left,top,width,height\n1.png,a,m.png,,,,\n1.png,b,m.png,2,3,4,5\n" +
      '1.png,c,"[[1,2,3,2,3,4]]",,,,\n1.png,d,,,,,\n1.png,e,"{1",,,,\n',
  );
  assertEquals(found.map(({ mask, fault, box }) => mask ?? fault ?? box), [
    { path: "m.png" },
    { path: "m.png", left: "2", top: "3", size: ["4", "5"] },
    { segmentation: [[1, 2, 3, 2, 3, 4]] },
    undefined,
    found[4]!.fault,
  ]);
  assertStringIncludes(
    found[4]!.fault!,
    '"mask" must be a path or the JSON of a COCO segmentation',
  );
});

Deno.test("plainRows() reads the patient of a row, if a column states it", () => {
  const found = rows("image,phrase,patient\na.png,haze,P1\nb.png,haze,\n");
  assertEquals(found.map(({ patient }) => patient), ["P1", undefined]);
});
