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

Deno.test("missingForCuda() names the library's files first, and then what they need", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const folder = await Deno.makeTempDir();
  const path = (name: string) => new URL(`file://${folder}/${name}`);
  const own = ["cuda", "shared"].map((name) => `libonnxruntime_providers_${name}.so`);
  try {
    assertEquals(missingForCuda(path), own);
    // Any library that needs others will do.
    await Deno.copyFile(ownPath("onnxruntime_binding.node"), path(own[0]!));
    assertEquals(missingForCuda(path), [own[1]]);
    await Deno.copyFile(ownPath("onnxruntime_binding.node"), path(own[1]!));
    // The system has the others that the binding needs, such as libc.so.6.
    assertEquals(missingForCuda(path), ["libonnxruntime.so.1", "libcudnn.so.9"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
