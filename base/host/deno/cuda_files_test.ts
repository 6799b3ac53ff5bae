import { assert, assertEquals } from "@std/assert";
import { missingForCuda, neededBy, ownPath } from "./cuda_files.ts";

Deno.test("neededBy() names the libraries that a file asks its loader for", {
  ignore: Deno.build.os !== "linux",
}, () => {
  const needed = neededBy(ownPath("libonnxruntime.so.1"));
  assert(needed.includes("libc.so.6"), needed.join());
  assertEquals(new Set(needed).size, needed.length);
  for (const name of needed) assert(/^[\w+-]+\.so\.\d+$/.test(name), name);
});

Deno.test("missingForCuda() finds the system's libraries and those in LD_LIBRARY_PATH", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const own = ["cuda", "shared"].map((name) => `libonnxruntime_providers_${name}.so`);
  const present = own.filter((name) => {
    try {
      return Deno.statSync(ownPath(name)).isFile;
    } catch {
      return false;
    }
  });
  assertEquals(present, [], "this test puts the files there, and expects none before");
  assertEquals(missingForCuda(), own);
  try {
    // Any library that needs others will do.
    for (const name of own) await Deno.copyFile(ownPath("onnxruntime_binding.node"), ownPath(name));
    const missing = missingForCuda();
    assert(!missing.includes("libc.so.6"), missing.join());
    // The binding finds this library beside itself, and nothing else does.
    assert(missing.includes("libonnxruntime.so.1"), missing.join());
    assert(missing.includes("libcudnn.so.9"), missing.join());
  } finally {
    for (const name of own) await Deno.remove(ownPath(name)).catch(() => {});
  }
});
