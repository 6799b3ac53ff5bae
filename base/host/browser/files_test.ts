import { assertEquals, assertRejects } from "@std/assert";
import { loadBundle } from "../../../models/ldm/bundle.ts";
import { openCheckpoint, readTensor } from "../../../models/checkpoint/mod.ts";
import { DEMO_FILES } from "../../../web/demo_files.ts";
import { GivenFiles, NotFound, PermissionDenied } from "./files.ts";
import { giveFiles } from "./mod.ts";

const blob = (...bytes: number[]) => new Blob([Uint8Array.from(bytes)]);

Deno.test("GivenFiles are found by path, listed by folder, and read in parts", async () => {
  const files = new GivenFiles();
  const reads: number[] = [];
  files.add("a/b/one", blob(1, 2, 3, 4), (bytes) => reads.push(bytes));
  files.add("a/two", blob(5));
  files.add("ab/three", blob(6));
  assertEquals((await files.list("a")).sort(), ["b", "two"]);
  assertEquals(await files.stat("./a//b"), { isFile: false, isDirectory: true, size: 0 });
  assertEquals(await files.stat("a/b/./one"), { isFile: true, isDirectory: false, size: 4 });
  using file = await files.open("a/b/one");
  const target = new Uint8Array(3);
  assertEquals([await file.read(2, target), ...target], [2, 3, 4, 0]);
  assertEquals([await file.read(0, target), ...target], [3, 1, 2, 3]);
  assertEquals(await file.read(9, target), 0);
  assertEquals(reads, [2, 3, 0]);
  files.forget("a");
  await assertRejects(() => files.stat("a/two"), NotFound, "nothing at");
  await assertRejects(() => files.open("a/b/one"), NotFound, "nothing at");
  assertEquals((await files.stat("ab/three")).size, 1);
  await assertRejects(() => files.create("ab/four"), PermissionDenied, "a page writes no files");
});

Deno.test("a model of given files is the one on disk, checked and hashed alike", async () => {
  const demo = new URL("../../../models/demo/", import.meta.url);
  const files = await Promise.all(
    DEMO_FILES.map(async (path) => {
      return { path: `demo/${path}`, file: new Blob([await Deno.readFile(new URL(path, demo))]) };
    }),
  );
  let read = 0;
  giveFiles("given", files, (bytes) => read += bytes);
  const bundle = await loadBundle("given/demo");
  assertEquals(bundle.tokenizer.encode("left pleural effusion").length, 5);
  const weights = Object.values(bundle.checkpoints).map(({ path }) =>
    files.find((file) => path.endsWith(file.path))!.file
  );
  const total = weights.reduce((sum, { size }) => sum + size, 0);
  // The reader reads only the checkpoints' headers.
  assertEquals(read < total / 10, true);
  const bytes = await new Blob(weights).arrayBuffer();
  const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  assertEquals(await bundle.hash(), expected.toHex());
  const name = [...bundle.checkpoints.unet.tensors.keys()][0]!;
  const tensor = await readTensor(
    await openCheckpoint("given/demo/diffusion_model.safetensors"),
    name,
  );
  assertEquals(tensor.length > 0 && tensor.every(Number.isFinite), true);

  giveFiles("given", files.filter(({ path }) => !path.endsWith("vocab.json")));
  await assertRejects(
    () => loadBundle("given/demo"),
    NotFound,
    `Cannot find the tokenizer (vocab.json and merges.txt): there is no "given/demo`,
  );
});
