import "../../base/host/deno/mod.ts";
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { openCheckpoint } from "./checkpoint.ts";
import {
  call,
  dict,
  global,
  pickle,
  tensor,
  text,
  torchZip,
  withFile,
  zip,
} from "../../tests/support/torch_file.ts";
import { readTensor } from "./read_tensor.ts";

const REFERENCE = new URL("../../../shared/reference/ldm-tiny/", import.meta.url).pathname;

async function assertRefused(
  content: Uint8Array | string,
  reason: string,
  suffix = ".pth",
) {
  await withFile(content, async (path) => {
    const error = await assertRejects(() => openCheckpoint(path), SyntaxError);
    assertEquals(
      error.message.slice(0, path.length + 16),
      `Cannot read "${path}": `,
    );
    assert(error.message.includes(reason), error.message);
    assert(!error.message.includes("\n"), error.message);
  }, suffix);
}

// Counts, sums and values are from Python's zipfile, pickle and struct on the same files.
Deno.test("openCheckpoint() reads the reference bundle's PyTorch files", async () => {
  const cases = [
    {
      file: "autoencoder.pth",
      tensors: 158,
      elements: 356008,
      sum: 1089.352921176784,
      name: "encoder.blocks.0.conv.weight",
      shape: [32, 1, 3, 3],
      first: 0.22016791999340057,
      last: 0.10741667449474335,
    },
    {
      file: "diffusion_model.pth",
      tensors: 496,
      elements: 4031747,
      sum: 6428.135556529446,
      name: "conv_in.conv.weight",
      shape: [32, 3, 3, 3],
      first: 0.14277516305446625,
      last: 0.053604912012815475,
    },
  ];
  for (
    const { file, tensors, elements, sum, name, shape, first, last } of cases
  ) {
    const checkpoint = await openCheckpoint(REFERENCE + file);
    assertEquals([checkpoint.format, checkpoint.tensors.size], [
      "pytorch",
      tensors,
    ]);
    assertEquals([...checkpoint.tensors.get(name)!.shape], shape);
    const values = await readTensor(checkpoint, name);
    assertEquals([values[0], values.at(-1)], [first, last]);
    let foundElements = 0;
    let foundSum = 0;
    for (const entry of checkpoint.tensors.values()) {
      const data = await readTensor(checkpoint, entry.name);
      foundElements += data.length;
      for (const value of data) foundSum += value;
    }
    assertEquals(foundElements, elements);
    assertAlmostEquals(foundSum, sum, 1e-9);
  }
});

Deno.test("openCheckpoint() reads the reference bundle's safetensors", async () => {
  const encoder = await openCheckpoint(
    REFERENCE + "text_encoder/model.safetensors",
  );
  assertEquals([encoder.format, encoder.tensors.size], ["safetensors", 36]);
  assertEquals(encoder.metadata.get("format"), "pt");
});

Deno.test("openCheckpoint() goes by content and not by the file's name", async () => {
  const view = tensor({ count: 1, shape: [], strides: [] });
  const content = await torchZip(
    pickle(dict([["a", view]])),
    Float32Array.of(3),
  );
  await withFile(content, async (path) => {
    assertEquals((await openCheckpoint(path)).format, "pytorch");
  }, ".safetensors");
});

Deno.test("openCheckpoint() never executes a pickle", async () => {
  const attack = call(global("posix", "system"), text("echo"));
  await assertRefused(
    await torchZip(pickle(attack)),
    'it refers to the forbidden global "posix.system"',
  );
});

Deno.test("openCheckpoint() reads weights beside a hostile object, which stays inert", async () => {
  const attack = call(global("posix", "system"), text("echo"));
  const view = tensor({ count: 1, shape: [1], strides: [1] });
  const content = await torchZip(
    pickle(dict([["bad", attack], ["model", dict([["a", view]])]])),
    Float32Array.of(3),
  );
  await withFile(content, async (path) => {
    const checkpoint = await openCheckpoint(path);
    assertEquals(await readTensor(checkpoint, "a"), Float32Array.of(3));
  });
});

Deno.test("openCheckpoint() names the kind of a file that is no checkpoint", async () => {
  // First bytes of a file of `torch.save(..., _use_new_zipfile_serialization=False)`.
  const magic = [
    0x8a,
    0x0a,
    0x6c,
    0xfc,
    0x9c,
    0x46,
    0xf9,
    0x20,
    0x6a,
    0xa8,
    0x50,
    0x19,
  ];
  await assertRefused(
    Uint8Array.of(0x80, 2, ...magic, 0x2e, 0x80, 2, 0x4d, 0xe9, 3, 0x2e),
    'torch.save(torch.load("x.pth", map_location="cpu"), "x.pth")',
  );
  await assertRefused(pickle(text("x")), "it is a bare pickle");
  const tar = new Uint8Array(1024);
  tar.set(new TextEncoder().encode("ustar"), 257);
  await assertRefused(tar, "it is a tar archive");
  await assertRefused(
    "<!DOCTYPE html><html>Virus scan warning",
    "it is a web page",
  );
  await assertRefused("\ufeff\n <html lang=en>", "it is a web page");
  await assertRefused(
    "version https://git-lfs.github.com/spec/v1\noid x",
    "git lfs pull",
  );
  await assertRefused("", "the file is empty");
  await assertRefused("x", "it is truncated or not a checkpoint");
  await assertRefused("PK", "it is truncated or not a checkpoint");
  await assertRefused("PK\x03\x04 and no more", "it is truncated or not a zip");
  await assertRefused(
    await zip([["readme.txt", Uint8Array.of(1)]]),
    "0 entries named data.pkl",
  );
  await assertRefused("not safe", "header claims", ".safetensors");
  await assertRefused("short", "it is truncated", ".safetensors");
});

Deno.test("openCheckpoint() says when there is no such file, or a directory", async () => {
  await assertRejects(
    () => openCheckpoint("no/such/model.pth"),
    Deno.errors.NotFound,
    'Cannot read "no/such/model.pth": no such file',
  );
  await assertRejects(
    () => openCheckpoint(REFERENCE),
    TypeError,
    `Cannot read "${REFERENCE}": it is a directory, expected a file`,
  );
});

Deno.test("openCheckpoint() does not read the data", async () => {
  const header = new TextEncoder().encode(
    JSON.stringify({
      a: { dtype: "F32", shape: [2 ** 30], data_offsets: [0, 2 ** 32] },
    }),
  );
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await Deno.writeFile(
      path,
      Uint8Array.of(header.length, 0, 0, 0, 0, 0, 0, 0, ...header),
    );
    // A sparse file: four gigabytes that use no disk space.
    await Deno.truncate(path, 8 + header.length + 2 ** 32);
    const before = Deno.memoryUsage().rss;
    const checkpoint = await openCheckpoint(path);
    assertEquals(checkpoint.tensors.get("a")!.byteLength, 2 ** 32);
    assert(Deno.memoryUsage().rss - before < 2 ** 26);
  } finally {
    await Deno.remove(path);
  }
});
