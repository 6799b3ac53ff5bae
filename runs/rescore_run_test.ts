import "../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { helpRescoring, type RescoredRun, rescoreRun } from "./rescore_run.ts";

const FIXTURE = new URL("../tests/old_runs/fixture/", import.meta.url).pathname;

/** Runs a function with a port to a helper, whose answers cross a message channel. */
async function withHelpers<T>(count: number, use: (ports: MessagePort[]) => Promise<T>) {
  const channels = Array.from({ length: count }, () => new MessageChannel());
  for (const { port2 } of channels) helpRescoring(port2);
  try {
    return await use(channels.map(({ port1 }) => port1));
  } finally {
    for (const { port1, port2 } of channels) [port1, port2].forEach((port) => port.close());
  }
}

const collect = ({ samples }: RescoredRun) => Array.fromAsync(samples);

Deno.test("rescoreRun() with helpers gives the same samples in the same order", async () => {
  for (
    const [name, options] of [
      ["ldm", { protocols: ["pixel-auc", "union", "rec"] }],
      ["both", { protocols: ["aep", "existence"], lift: "dhs" }],
    ] as const
  ) {
    const alone = await collect(await rescoreRun(FIXTURE + name, options));
    for (const count of [1, 3, 20]) {
      const helped = await withHelpers(
        count,
        async (ports) => await collect(await rescoreRun(FIXTURE + name, options, ports)),
      );
      assertEquals(helped, alone);
    }
  }
});

Deno.test("rescoreRun() with helpers meets a fault of a sample itself", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["run.json", "results.jsonl", "heatmaps.bin"]) {
      await Deno.copyFile(`${FIXTURE}ldm/${name}`, `${folder}/${name}`);
    }
    const results = `${folder}/results.jsonl`;
    const lines = (await Deno.readTextFile(results)).trim().split("\n");
    const edited = lines.map((line) => line.replace(/"boxes":\[\[\d+,/, '"boxes":[[9999,'));
    await Deno.writeTextFile(results, edited.join("\n") + "\n");
    await assertRejects(
      () =>
        withHelpers(
          1,
          async (ports) => await collect(await rescoreRun(folder, {}, ports)),
        ),
      SyntaxError,
      "it lies outside the image of",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
