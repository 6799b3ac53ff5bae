import { assertEquals, assertThrows } from "@std/assert";
import { InputRangeError } from "../../base/errors.ts";
import { namedPhantom } from "./named_phantom.ts";
import { drawPhantom } from "./phantom.ts";

Deno.test("namedPhantom() draws the phantom of a seed, and leaves other names alone", () => {
  assertEquals(namedPhantom("phantom:7"), drawPhantom({ seed: 7 }));
  assertEquals(namedPhantom("phantom"), drawPhantom({ seed: 1 }));
  for (const name of ["phantom.jpg", "./phantom", "phantoms", "my phantom"]) {
    assertEquals(namedPhantom(name), undefined);
  }
  for (const name of ["phantom:", "phantom:x", "phantom:-1", "phantom:1.5"]) {
    assertThrows(() => namedPhantom(name), InputRangeError, `Cannot draw "${name}"`);
  }
});
