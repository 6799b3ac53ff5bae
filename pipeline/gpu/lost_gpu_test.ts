import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { type LdmModel, openModel } from "../../models/ldm/model.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import type { Runtime } from "../../models/runtime/runtime.ts";
import {
  groundImage,
  groundRequests,
  type GroundResult,
  type RunOptions,
  toResults,
} from "../ground.ts";
import { DeviceLostError, type Gpu, openGpu } from "../../shaders/device.ts";
import { watchDevices, type Watched } from "../../tests/support/devices.ts";
import { furthest } from "../../tests/support/gpu.ts";
import { item } from "../flow.ts";

const DEMO = new URL("../../models/demo", import.meta.url).pathname;

/** The model that the tests share. It stays on the CPU, so the loss of a GPU does not touch it. */
const MODEL = await openModel(await loadBundle(DEMO), await openRuntime("native"));

/** The quickest run: no inversion, and few steps of attention per phrase. */
const QUICK = { steps: 5, noise: "sample" } as const;

/** Yields three images with two phrases each; only the second image's phrases have boxes. */
async function* images(onClose?: () => void) {
  try {
    for (const seed of [1, 2, 3]) {
      const image = drawPhantom({ seed, width: 90, height: 110 });
      const samples = ["haze", "left effusion"].map((phrase, i) => ({
        id: `${seed}.${i}`,
        image: "",
        phrase,
        boxes: seed === 2 ? [[10, 20, 30, 40] as const] : [],
      }));
      yield await Promise.resolve(item({ image, samples }));
    }
  } finally {
    onClose?.();
  }
}

/** Runs the model on the CPU; heatmaps are made on a GPU of the run's own, or on the CPU. */
async function run(
  isOnGpu: boolean,
  options: Partial<RunOptions> & { change?: (model: LdmModel) => LdmModel } = {},
  source = images(),
): Promise<{ results: GroundResult[]; notices: string[] }> {
  const notices: string[] = [];
  const gpu = isOnGpu ? await openGpu() as Gpu : undefined;
  try {
    const results = await Array.fromAsync(toResults(groundRequests(source, {
      ...options,
      ...QUICK,
      model: options.change?.(MODEL) ?? MODEL,
      onNotice: (notice) => notices.push(notice),
      ...(gpu && { gpu }),
    })));
    return { results, notices };
  } finally {
    gpu?.destroy();
  }
}

/** Fails if heatmaps or scores differ by more than rounding. */
function assertSame(actual: readonly GroundResult[], expected: readonly GroundResult[]): void {
  assertEquals(actual.length, expected.length);
  actual.forEach((result, i) => {
    const other = expected[i]!;
    if (result.kind === "dropped" || other.kind === "dropped") throw new Error(result.sample.id);
    assertEquals(result.sample.id, other.sample.id);
    const off = furthest(result.normalised, other.normalised);
    assert(off <= 1e-5, `${result.sample.id}: ${off}`);
    assert(Math.abs(result.threshold! - other.threshold!) <= 1.001 / 256);
    assertEquals(Object.keys(result.scores ?? {}), Object.keys(other.scores ?? {}));
    assert(Math.abs((result.scores?.miou ?? 0) - (other.scores?.miou ?? 0)) <= 1e-4);
  });
}

/** Returns the notes of each sample, by id. */
function notes(results: readonly GroundResult[]) {
  return Object.fromEntries(
    results.flatMap(({ sample: { id, notes } }) => notes ? [[id, notes]] : []),
  );
}

const undisturbed = await run(false);

for (const stage of ["add attention", "finish heatmaps"]) {
  Deno.test(`an image whose GPU is lost at "${stage}" is begun again on a new device`, async () => {
    let isClosed = false;
    await watchDevices(async ({ devices, openBuffers }) => {
      const source = images(() => isClosed = true);
      const progress: number[] = [];
      const onProgress = (done: number) => progress.push(done);
      const { results, notices } = await run(true, { onProgress }, source);
      // Repeated passes move the progress neither back nor past the image's end.
      assertEquals(progress, progress.toSorted((a, b) => a - b));
      assertEquals(progress.at(-1), 6);
      assertSame(results, undisturbed.results);
      const note = /^the GPU was lost; grounded again on a new device of ./;
      assertEquals(Object.keys(notes(results)), ["2.0", "2.1"]);
      for (const [text, ...more] of Object.values(notes(results))) {
        assertMatch(text!, note);
        assertEquals(more, []);
      }
      assertEquals(notices.length, 1);
      assertMatch(notices[0]!, /the GPU was lost .*; continuing on a new device of /);
      // The third image used the new device, which was destroyed at the end.
      assertEquals(devices.length, 2);
      await devices[1]!.lost;
      assertEquals(openBuffers(), []);
    }, (label, count, device, { devices }) => {
      // The first image needs one addition for each of its two phrases.
      if (
        label === stage && device === devices[0] && count === (stage === "add attention" ? 3 : 1)
      ) {
        device.destroy();
      }
    });
    assertEquals(isClosed, true);
  });
}

Deno.test("a GPU that is lost in two images is followed by a new device each time", () =>
  watchDevices(async ({ devices, openBuffers }) => {
    const { results } = await run(true);
    assertSame(results, undisturbed.results);
    const said = notes(results);
    assertEquals(Object.keys(said), ["1.0", "1.1", "2.0", "2.1"]);
    for (const [note, ...more] of Object.values(said)) {
      assertMatch(note!, /^the GPU was lost; grounded again on a new device of ./);
      assertEquals(more, []);
    }
    assertEquals(devices.length, 3);
    await devices[2]!.lost;
    assertEquals(openBuffers(), []);
  }, (label, count, device, { devices }) => {
    // The second device repeats the first image's two phrases, then grounds the second image.
    const isFirst = device === devices[0] && count === 1;
    const isSecond = device === devices[1] && count === 3;
    if (label === "add attention" && (isFirst || isSecond)) device.destroy();
  }));

Deno.test("an image whose GPU is lost twice is grounded on the CPU, and so is the rest", () =>
  watchDevices(async ({ devices, openBuffers }) => {
    const { results, notices } = await run(true);
    assertSame(results, undisturbed.results);
    for (const id of ["1.0", "1.1"]) {
      const [first, second] = notes(results)[id]!;
      assert(first!.includes("on a new device"), first);
      assertEquals(second, "the GPU was lost; grounded again on the CPU");
    }
    assertEquals(Object.keys(notes(results)), ["1.0", "1.1"]);
    assertEquals(notices.length, 2);
    assertEquals(devices.length, 2);
    assertEquals(openBuffers(), []);
  }, (label, count, device) => {
    if (label === "add attention" && count === 1) device.destroy();
  }));

/**
 * Yields runtimes on the CPU that pose as a GPU with results in memory. Each is lost at a run of
 * the U-Net, counted from 1; the last is not lost.
 */
async function lossy(losses: readonly number[], opened: string[]): Promise<Runtime> {
  const [loss = Infinity, ...later] = losses;
  const cpu = await openRuntime("native");
  let isLost = false;
  let [runs, sessions] = [0, 0];
  return {
    ...cpu,
    adapter: "Imaginary 9000",
    async load(...args) {
      const session = await cpu.load(...args);
      sessions++;
      return {
        async run(feeds, fetches) {
          if ("timestep" in feeds && ++runs === loss) isLost = true;
          if (isLost) throw new DeviceLostError("Cannot run the model: the GPU was lost (a test)");
          return await session.run(feeds, fetches);
        },
        async release() {
          sessions--;
          await session.release();
        },
      };
    },
    reopen() {
      opened.push(`with ${sessions} sessions`);
      return lossy(later, opened);
    },
  };
}

for (
  const [title, losses, expected] of [
    ["once", [4], ["2.0", "2.1"]],
    ["twice in an image", [4, 1], ["2.0", "2.1"]],
    ["in each of two images", [1, 4], ["1.0", "1.1", "2.0", "2.1"]],
  ] as const
) {
  Deno.test(`a GPU that runs the model in memory of its own is opened again if lost ${title}`, async () => {
    const opened: string[] = [];
    const model = await openModel(await loadBundle(DEMO), await lossy(losses, opened));
    const { results, notices } = await run(false, { change: () => model });
    assertSame(results, undisturbed.results);
    const said = notes(results);
    assertEquals(Object.keys(said), expected);
    const isTwice = title === "twice in an image";
    for (const [first, ...more] of Object.values(said)) {
      assertEquals(first, "the GPU was lost; grounded again on a new device of Imaginary 9000");
      assertEquals(more, isTwice ? ["the GPU was lost; grounded again on the CPU"] : []);
    }
    assertEquals(notices.length, 1 + Number(title !== "once"));
    // The library opens a lost GPU again only after its last session is gone.
    assertEquals(opened, Array(isTwice || title === "once" ? 1 : 2).fill("with 0 sessions"));
    assertEquals(model.runtime.adapter, isTwice ? undefined : "Imaginary 9000");
    await model.close();
  });
}

Deno.test("samples fail on the GPU as they do on the CPU, and the run goes on", async () => {
  const source = async function* () {
    const image = drawPhantom({ seed: 1, width: 90, height: 110 });
    // Four phrases: the tokenizer leaves nothing of the first, and the second has broken attention.
    // The third has a box that is cut to nothing; the fourth is valid.
    const samples = ["\u0085", "broken", "haze", "left effusion"].map((phrase, i) => ({
      id: String(i),
      image: "",
      phrase,
      boxes: phrase === "haze" ? [[10, 10, 0.5, 0.5] as const] : [],
    }));
    yield await Promise.resolve(item({ image, samples }));
    yield* images();
  };
  const change = (model: LdmModel): LdmModel => {
    const broken = model.bundle.tokenizer.encode("broken");
    const text = model.condition(broken);
    return {
      ...model,
      async attend(latent, timestep, given) {
        const maps = await model.attend(latent, timestep, given);
        if (given === await text) (maps[0]!.data as Float32Array).fill(NaN);
        return maps;
      },
    };
  };
  const [gpu, cpu] = [
    await run(true, { change }, source() as ReturnType<typeof images>),
    await run(false, { change }, source() as ReturnType<typeof images>),
  ];
  const failures = ({ results }: typeof gpu) =>
    results.map((result) =>
      result.kind === "dropped"
        ? [result.sample.id, result.status, result.stage, result.reason]
        : [result.sample.id]
    );
  const [empty, broken, box, ...rest] = failures(gpu);
  assertEquals(empty!.slice(1, 3), ["failed", "aggregate"]);
  assertMatch(empty![3]!, /expected a token range/);
  assertEquals(broken!.slice(1, 3), ["failed", "aggregate"]);
  assertMatch(broken![3]!, /expected finite values, got NaN/);
  assertEquals(box!.slice(1, 3), ["failed", "metrics"]);
  assertMatch(box![3]!, /width and height of at least 1 pixel/);
  assertEquals(rest, [["3"], ["1.0"], ["1.1"], ["2.0"], ["2.1"], ["3.0"], ["3.1"]]);
  // Only the CPU's message says where NaN was found; the other messages are the same.
  const alike = (run: typeof gpu) =>
    failures(run).map((line, i) => i === 1 ? line.slice(0, 3) : line);
  assertEquals(alike(gpu), alike(cpu));
});

Deno.test("a run that is aborted on the GPU frees its buffers and closes its source", () =>
  watchDevices(async ({ openBuffers }) => {
    const controller = new AbortController();
    let isClosed = false;
    const onProgress = (done: number) => {
      if (done > 2) controller.abort(new Error("enough"));
    };
    const source = images(() => isClosed = true);
    const { signal } = controller;
    await assertRejects(() => run(true, { signal, onProgress }, source), Error, "enough");
    assertEquals(openBuffers(), []);
    assertEquals(isClosed, true);
  }));

Deno.test("an error of the source ends the run on the GPU too", async () => {
  const source = async function* () {
    yield* images();
    throw new Error("no more");
  };
  await assertRejects(() => run(true, {}, source()), Error, "no more");
});

Deno.test("a consumer that stops early closes source and buffers", () =>
  watchDevices(async (watched: Watched) => {
    let isClosed = false;
    const gpu = (await openGpu())!;
    const source = images(() => isClosed = true);
    for await (const flow of groundRequests(source, { ...QUICK, model: MODEL, gpu })) {
      assertEquals(flow.kind, "item");
      break;
    }
    assertEquals(isClosed, true);
    assertEquals(watched.openBuffers(), []);
    gpu.destroy();
  }));

Deno.test("a GPU that is taken for a call is given back after it", async () => {
  const info = Object.getOwnPropertyDescriptor(GPUAdapter.prototype, "info")!;
  const imaginary = { device: "Imaginary 9000", description: "", vendor: "", architecture: "" };
  Object.defineProperty(GPUAdapter.prototype, "info", { ...info, get: () => imaginary });
  try {
    await watchDevices(async ({ devices }) => {
      const bundle = await loadBundle(DEMO);
      const image = drawPhantom({ seed: 1, width: 90, height: 110 });
      const results = await groundImage(image, ["haze"], { ...QUICK, bundle });
      assertEquals(results.length, 1);
      // A device that claims to be hardware is used without a request for it.
      assertEquals(devices.length, 1);
      await devices[0]!.lost;
    });
  } finally {
    Object.defineProperty(GPUAdapter.prototype, "info", info);
  }
});
