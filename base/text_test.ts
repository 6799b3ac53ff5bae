import { assertEquals } from "@std/assert";
import { printable, quote, show } from "./text.ts";

Deno.test("quote() and printable() escape a terminal's control characters, and cut long texts", () => {
  assertEquals(quote('a"\x1b\u202e'), '"a\\"\\u001b\\u202e"');
  assertEquals(printable("a\n\ud800"), "a\\u000a\\ud800");
  assertEquals(quote("x".repeat(161)), `"${"x".repeat(160)}…"`);
  // An escape sequence counts with all its characters.
  assertEquals(quote("\x1b".repeat(160)).length, 163);
  assertEquals(printable("abc", 2), "ab…");
});

Deno.test("show() gives any value as JSON, as far as there is a stack for it", () => {
  assertEquals([show("a"), show({ a: 1 }), show(undefined)], ['"a"', '{"a":1}', "nothing"]);
  // The numeric key takes `JSON.stringify` off its fast path, which needs no stack.
  const deep = JSON.parse("[".repeat(100_000) + '{"1":2}' + "]".repeat(100_000));
  assertEquals(show(deep), "a value that is nested too deeply");
});
