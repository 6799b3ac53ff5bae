import "../../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { RunFolder } from "../../runs/run_folder.ts";
import { inFolder } from "../../tests/support/command.ts";
import { convertRun } from "./convert_run.ts";
import { type ExportFormat, FORMATS, type ListFormat, type SampleFormat } from "./registry.ts";

/** Writes a run of one grounded and one failed sample to the folder `run`. */
async function makeRun(folder: string): Promise<void> {
  const results: SampleResult[] = [
    { id: "one", index: 0, status: "grounded", boxes: [], threshold: 0.5 },
    {
      id: "two",
      index: 1,
      status: "failed",
      stage: "decode",
      reason: "no file",
      error: "NotFound",
    },
  ];
  const run = await RunFolder.lock(`${folder}/run`, () => {});
  const facts = { settings: { sigma: 0, otsu: true }, margin: "excluded" };
  const plan = results.map(({ id, index }) => ({ id, index: index! }));
  await run.begin({ facts, variants: [""], plan }, "refuse", () => {});
  const layers = [{ layer: 3, side: 2, data: Float32Array.of(0, 0, 0, 1) }];
  await run.writeHeatmaps([{ id: "one", size: 2, image: { width: 2, height: 2 }, layers }]);
  await run.write(results);
  await run.close();
}

Deno.test("a format is one row: convertRun() writes formats that the registry gains", () =>
  inFolder(async (folder) => {
    await makeRun(folder);
    const toys: Record<string, SampleFormat | ListFormat> = {
      "toy-file": {
        ...{ kind: "heatmap", description: "a byte a pixel", ending: "raw" },
        encode: ({ heatmap: { heatmap } }) => Uint8Array.from(heatmap, (value) => 255 * value),
      },
      "toy-list": {
        ...{ kind: "list", description: "the ids" },
        create: (classes) => ({
          ...{ path: "toy/ids.txt", head: `${classes}\n` },
          add: ({ result }) => `${result.id}\n`,
        }),
      },
    };
    Object.assign(FORMATS, toys);
    try {
      const names = Object.keys(toys) as ExportFormat[];
      assertEquals(await convertRun(`${folder}/run`, `${folder}/out`, names), {
        ...{ samples: 1, without: 1 },
        written: [{ path: "toy-file", files: 1 }, { path: "toy/ids.txt" }],
      });
    } finally {
      for (const name of Object.keys(toys)) Reflect.deleteProperty(FORMATS, name);
    }
    const bytes = await Deno.readFile(`${folder}/out/toy-file/1-one.raw`);
    assertEquals(bytes, Uint8Array.of(0, 0, 0, 255));
    assertEquals(await Deno.readTextFile(`${folder}/out/toy/ids.txt`), "(none)\none\n");
  }));

Deno.test("convertRun() names a list that it cannot write, and leaves no part of any", () =>
  inFolder(async (folder) => {
    await makeRun(folder);
    const out = `${folder}/out`;
    for (const taken of ["boxes.csv", "boxes.csv.partial"]) {
      await Deno.mkdir(`${out}/${taken}/full`, { recursive: true });
      await assertRejects(
        () => convertRun(`${folder}/run`, out, ["coco", "boxes"]),
        Error,
        `Cannot write "${out}/boxes.csv": `,
      );
      const names = [...Deno.readDirSync(out), ...Deno.readDirSync(`${out}/coco`)];
      const left = names.map(({ name }) => name).filter((name) => name.endsWith(".partial"));
      assertEquals(left, taken.endsWith(".partial") ? [taken] : []);
      await Deno.remove(out, { recursive: true });
    }
  }));
