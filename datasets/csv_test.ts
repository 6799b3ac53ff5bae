import { assert, assertEquals, assertThrows } from "@std/assert";
import { readCsv, requireColumns } from "./csv.ts";

Deno.test("readCsv() takes a header of any length in its stride", () => {
  const columns = Array.from({ length: 200_000 }, (_, i) => `c${i}`);
  const start = performance.now();
  assertEquals(readCsv("a.csv", columns.join()).columns.length, columns.length);
  assert(performance.now() - start < 5000); // comparing each column with all others took minutes
});

Deno.test("readCsv() and requireColumns() name columns in a short line that can be printed", () => {
  const twice = readCsv("a.csv", "\x1b,\x1b");
  assertThrows(() => twice.has("\x1b"), SyntaxError, 'column "\\u001b" is there twice');
  const table = readCsv("a.csv", `${"x".repeat(5000)},\x1b`);
  const error = assertThrows(() => requireColumns("a.csv", table, ["image"]), SyntaxError);
  assert(error.message.length < 500 && !error.message.includes("\x1b"), error.message);
});

/** Returns the columns, then the fields of each record, or its fault. */
function read(text: string): unknown[] {
  const { columns, records } = readCsv("a.csv", text);
  return [columns, ...records.map(({ get, fault }) => fault ?? columns.map(get))];
}

// The expected fields are the output of Python 3.11's csv.reader.
Deno.test("readCsv() reads quotes as Python's csv does", () => {
  const fields: [string, string][] = [
    ['left "small" effusion', 'left "small" effusion'],
    ['5" nodule', '5" nodule'],
    ['a"', 'a"'],
    ['x""y', 'x""y'],
    ['"abc"def', "abcdef"],
    ['"abc" "def"', 'abc "def"'],
    ['"a"b"c"', 'ab"c"'],
    ['""', ""],
    ['""""', '"'],
    ['"say ""ah"""', 'say "ah"'],
    [' "b"', ' "b"'],
    ['"a,b\nc"', "a,b\nc"],
  ];
  for (const [field, value] of fields) {
    assertEquals(
      read(`image,phrase,x\na.png,${field},1\n`).slice(1),
      [["a.png", value, "1"]],
      field,
    );
  }
});

Deno.test("readCsv() loses one line to a quote that does not close", () => {
  const fault = "field 2 begins with a quote that does not close";
  assertEquals(read('a,b\n1,"x\n2,y\n3,z\n'), [["a", "b"], fault, ["2", "y"], ["3", "z"]]);
  // The next quote opens a new field; it does not close the first field.
  assertEquals(read('a,b\n1,"x\n2,"y, z"\n3,z\n'), [
    ["a", "b"],
    fault,
    ["2", "y, z"],
    ["3", "z"],
  ]);
  assertEquals(readCsv("a.csv", 'a,b\n1,"x\n2').records.map(({ line }) => line), [2, 3]);
  assertThrows(() => readCsv("a.csv", 'a,"b\n1,2'), SyntaxError, 'the header of "a.csv": field 2');
});

Deno.test("readCsv() knows delimiters by the header or a line sep=, and every line end", () => {
  const rows = [["image", "phrase", "note, or x"], ["a.png", "left; small", "1"], [
    "b.png",
    "",
    "2",
  ]];
  for (const delimiter of [",", ";", "\t", "|", "^"]) {
    for (const end of ["\n", "\r\n", "\r", "\r\r\n", "\r\n\n  \n"]) {
      const lines = rows.map((row) =>
        row.map((cell) => /[,;]/.test(cell) ? `"${cell}"` : cell).join(delimiter)
      );
      for (const first of delimiter === "^" ? [["sep=^"]] : [[], [`sep=${delimiter}`]]) {
        for (const mark of ["", "\ufeff"]) {
          const text = mark + [...first, ...lines].join(end);
          assertEquals(read(text), rows, JSON.stringify(text));
          const number = text.slice(0, text.indexOf("b.png")).split(end).length;
          if (end.length < 4) assertEquals(readCsv("a.csv", text).records[1]!.line, number);
        }
      }
    }
  }
});

Deno.test("readCsv() accepts delimiters at a line's end and the index column of pandas", () => {
  const cases: [string, unknown[]][] = [
    ["a,b,\n1,2,\n3,4\n", [["1", "2", ""], ["3", "4", undefined]]],
    ["a,b\n1,2,\n3,4,,\n", [["1", "2"], ["3", "4"]]],
    [",a,b\n0,1,2\n", [["0", "1", "2"]]],
    ["a,b\n1\n1,2,3\n", [
      "the row has 1 fields, but the header has 2",
      "the row has 3 fields, but the header has 2",
    ]],
  ];
  for (const [text, records] of cases) assertEquals(read(text).slice(1), records, text);
});

Deno.test("readCsv() finds columns spelled nearly so, and minds repeated ones only where used", () => {
  const { has, records: [record] } = readCsv(
    "a.csv",
    'Image, "phrase", X_Min,score,score,w,W\na.png, "b", 1,2,3,4,5\n',
  );
  const found = ["image", "phrase", "x_min", "w", "W"].map((name) => record!.get(name));
  assertEquals(found, ["a.png", "b", " 1", "4", "5"]);
  assertEquals([has("xmin"), has("min")], [true, false]);
  assertThrows(() => record!.get("score"), SyntaxError, 'column "score" is there twice');
});

Deno.test("requireColumns() says which column may be the one", () => {
  const table = readCsv("a.csv", "filename,Label Text,x");
  assertThrows(
    () => requireColumns("a.csv", table, ["image", "phrase"]),
    SyntaxError,
    'columns "image", "phrase" are missing (found: filename, Label Text, x); ' +
      'rename "filename" to "image" and "Label Text" to "phrase" if that is meant',
  );
});
