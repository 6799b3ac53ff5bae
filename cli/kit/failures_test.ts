import { assertEquals } from "@std/assert";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { Notices, ReadingNotes } from "./failures.ts";
import type { Progress } from "./progress.ts";

Deno.test("ReadingNotes reports the first phrases with reading notes, once each", () => {
  const told: string[] = [];
  const progress = { warn: (text: string) => told.push(text) } as unknown as Progress;
  const notes = new ReadingNotes();
  const tell = (id: string, ...own: string[]) =>
    notes.tell({ id, notes: own } as unknown as SampleResult, progress, "results.jsonl");
  tell("a", "box [0,0,2,2] was cut to whole pixels");
  const cut = "the phrase has 90 tokens, of which the model reads the first 75";
  tell("b", "1 of 2 boxes lie outside", cut);
  // The same note in another setting of the sample is not repeated.
  tell("b", cut);
  assertEquals(told, [`note: b: ${cut}`]);
  for (let i = 0; i < 20; i++) tell(`c${i}`, 'the tokenizer reads "zqx" letter by letter');
  assertEquals(told.length, 11);
  assertEquals(told.at(-1), "Further notes: see results.jsonl.");
});

Deno.test("Notices prints the first ten, and counts the others at the end", () => {
  const told: string[] = [];
  const progress = { warn: (text: string) => told.push(text) } as unknown as Progress;
  const few = new Notices(progress);
  few.add("a");
  few.end();
  assertEquals(told.splice(0), ["a"]);
  const many = new Notices(progress);
  for (let i = 0; i < 12; i++) many.add(`no X-ray of ${i}`);
  assertEquals(told.length, 10);
  many.end();
  assertEquals(told.slice(9), ["no X-ray of 9", "2 more notices like these."]);
});
