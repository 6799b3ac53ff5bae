import { assertEquals } from "@std/assert";
import { plainReason } from "./plain_reason.ts";

Deno.test("plainReason() rewords the system's errors, and adds the path if it is missing", () => {
  const cases: [string, string][] = [
    ["Permission denied (os error 13): open 'a'", 'Cannot read "a": this user has no permission'],
    ["Is a directory (os error 21): readfile 'a b'", 'Cannot read "a b": it is a folder'],
    [
      "File exists (os error 17): mkdir 'it's'",
      `Cannot write "it's": a file of this name is there`,
    ],
    [
      "No such file or directory (os error 2): rename 'a' -> 'b/a'",
      'Cannot write "a": there is no such file or folder',
    ],
    ["Address already in use (os error 98)", "Cannot go on: another program listens there"],
    [
      "Cannot write to folder \"a\": Not a directory (os error 20): mkdir 'a'; choose another",
      'Cannot write to folder "a": a part of the path is a file, not a folder; choose another',
    ],
    [
      "Cannot read \"a\" (Too many levels of symbolic links (os error 40): open 'a'); made anew",
      'Cannot read "a" (the links lead in a circle); made anew',
    ],
    ["Odd fault (os error 99): open 'a'", 'Cannot read "a": Odd fault'],
    [
      'Cannot read image "/dev/stdin": Requires all access to "/dev/stdin", run again with the --allow-all flag',
      `Cannot read image "/dev/stdin": it is a pipe, a device or the system's own`,
    ],
    [
      'Requires write access to "a, b", run again with the --allow-write flag',
      'Cannot write "a, b": this run may not write "a, b"',
    ],
    ["Phrase 1 is empty", "Phrase 1 is empty"],
  ];
  for (const [message, expected] of cases) assertEquals(plainReason(message), expected);
});
