import "../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { inFolder } from "../tests/support/command.ts";
import { brokenBody, FakeHub, sendRange } from "../tests/support/hub.ts";
import { openCheckpoint, readTensor, writeSafetensors } from "../models/checkpoint/mod.ts";
import type { CatalogModel } from "./catalog.ts";
import { fetchModel } from "./fetch_model.ts";

/** Tensors of a whole model; the text tower is in two places of the file. */
const NAMES = ["logit_scale", "text_model.a", "text_model.b", "vision_model.a", "text_model.z"];

function tensor(name: string, index: number) {
  const shape = [3 + index, 7];
  return { name, shape, data: () => new Float32Array(shape[0]! * 7).map((_, i) => index + i / 9) };
}

function tower(tensors: string): CatalogModel {
  return {
    ...{ name: "tower", purpose: "Tests.", method: "ldm", bytes: 1, access: "open" },
    ...{ training: "None.", trained: "laion", unknown: "Nothing." },
    sources: [{
      ...{ repository: "lab/clip", revision: "main", license: "MIT" },
      files: [{ path: "model.safetensors", tensors }],
    }],
  };
}

function withClip(
  test: (hub: FakeHub, whole: string, get: (prefix?: string) => Promise<string>) => Promise<void>,
): Promise<void> {
  return inFolder(async (folder) => {
    await using hub = new FakeHub();
    const whole = `${folder}/whole.safetensors`;
    await writeSafetensors(whole, NAMES.map(tensor));
    hub.add("lab/clip/model.safetensors", await Deno.readFile(whole));
    await test(hub, whole, async (prefix = "text_model.") => {
      await fetchModel(tower(prefix), `${folder}/tower`, {
        source: { endpoint: hub.endpoint, hosts: [hub.host("hub"), hub.host("storage")] },
        pauses: [0],
        freeBytes: () => Promise.resolve(1e9),
      });
      return `${folder}/tower/model.safetensors`;
    });
  });
}

Deno.test("a tower that is fetched by ranges equals the tower of the whole file", () =>
  withClip(async (hub, whole, get) => {
    let count = 0;
    hub.prank = ({ server, range }) => {
      // The first range of tensors breaks off in its middle.
      if (server !== "storage" || ++count !== 4) return;
      const { bytes } = hub.files.get("lab/clip/model.safetensors")!;
      return sendRange(bytes, range, {}, (part) => brokenBody(part, 100));
    };
    const [all, part] = [await openCheckpoint(whole), await openCheckpoint(await get())];
    const names = NAMES.filter((name) => name.startsWith("text_model."));
    assertEquals([...part.tensors.keys()], names);
    for (const name of names) {
      assertEquals(await readTensor(part, name), await readTensor(all, name), name);
    }
    // Neighbouring tensors are one range; nothing of the vision tower is fetched.
    const { offset } = all.tensors.get("text_model.a")!;
    const vision = all.tensors.get("vision_model.a")!;
    const last = all.tensors.get("text_model.z")!;
    assertEquals(hub.stored.slice(3).map(({ range }) => range), [
      `bytes=${offset}-${vision.offset - 1}`,
      `bytes=${offset + 100}-${vision.offset - 1}`,
      `bytes=${last.offset}-${last.offset + last.byteLength - 1}`,
    ]);
  }));

Deno.test("a tower is refused in one sentence if its file has no such tensors, or no header", () =>
  withClip(async (hub, _, get) => {
    const start = 'Cannot fetch "model.safetensors" of lab/clip: ';
    await assertRejects(() => get("audio."), Error, `${start}it has no tensor "audio.…"`);
    const { bytes } = hub.files.get("lab/clip/model.safetensors")!;
    hub.prank = ({ server }) => server === "storage" ? new Response(bytes) : undefined;
    await assertRejects(() => get(), Error, "its server does not send parts of files");
    hub.prank = () => undefined;
    hub.add("lab/clip/model.safetensors", new Uint8Array(100).fill(9));
    await assertRejects(() => get(), Error, `${start}its safetensors header claims`);
  }));
