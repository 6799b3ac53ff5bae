import "../../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { writePhantomSet } from "../../datasets/phantom/phantom_set.ts";

/** Writes a small phantom dataset to `set` below a folder; one image is corrupt. */
export async function makeSet(folder: string, images: number): Promise<void> {
  const { csv } = await writePhantomSet(`${folder}/set`, { seed: 6, images });
  const path = /files\/[^,]*\.jpg/.exec((await Deno.readTextFile(csv)).split("\n").at(-2)!)![0];
  await Deno.writeFile(`${folder}/set/${path}`, new Uint8Array([0xff, 0xd8, 0xff]));
}

/** Asserts that files of two folders exist, are not empty, and are equal byte for byte. */
export async function assertSameFiles(
  one: string,
  other: string,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const [a, b] = [await Deno.readFile(`${one}/${name}`), await Deno.readFile(`${other}/${name}`)];
    assert(a.length > 0);
    assertEquals(a, b, name);
  }
}
