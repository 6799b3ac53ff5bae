import { assertEquals, assertThrows } from "@std/assert";
import { readCsv } from "../csv.ts";
import { nihRows } from "./nih_chestxray14.ts";

const rows = (text: string) => nihRows("d/b.csv", readCsv("b.csv", text));

const HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n";

Deno.test("nihRows() reads boxes with the released header, and rounds their edges", () => {
  const [first, second] = rows(
    HEADER + "00013118_008.png,Effusion,225.4,547.6,86.2,79.18,,,\n1.png,Infiltrate,0,0,1,1\n",
  );
  assertEquals(first, {
    where: "b.csv:2",
    stem: "00013118_008",
    image: "00013118_008.png",
    phrase: "The patient has Effusion",
    category: "Pleural Effusion",
    size: [1024, 1024],
    // 225.4 + 86.2 = 311.6 and 547.6 + 79.18 = 626.78.
    box: [225, 548, 87, 79],
  });
  assertEquals([second!.phrase, second!.box], ["The patient has Infiltrate", [0, 0, 1, 1]]);
});

Deno.test("nihRows() records faults, and names the columns that are missing", () => {
  assertEquals(
    rows(HEADER + "1.png,Hernia,0,0,1,1\n1.png,Mass,x,0,1,1\n").map(({ fault, box }) =>
      fault ?? box
    ),
    [
      "the class must be one of Atelectasis, Cardiomegaly, Effusion, Infiltrate, Mass, Nodule, " +
      'Pneumonia, Pneumothorax, got "Hernia"',
      ["x", "0", "1", "1"],
    ],
  );
  const begin = 'Cannot read "d/b.csv": ';
  assertThrows(() => rows("Image Index,Finding Label\n"), SyntaxError, `${begin}columns "Bbox [x"`);
});
