import { assertEquals } from "@std/assert";
import type { Box } from "../../base/geometry.ts";
import { Random } from "../../base/random.ts";
import { type Gpu, openGpu, storage } from "../../shaders/device.ts";
import { LiveBuffers } from "../../tests/support/live_buffers.ts";
import { GpuHeatmaps, type PhraseTarget } from "./heatmaps_gpu.ts";

const GROUP = { layers: 4, positions: 256, tokens: 77 };

/** Makes heatmaps in a row, as a long evaluation does. */
class Soak {
  #heatmaps: GpuHeatmaps;
  #maps: GPUBuffer;
  #random = new Random(1);

  constructor(gpu: Gpu) {
    const values = Float32Array.from(
      { length: GROUP.layers * GROUP.positions * GROUP.tokens },
      () => this.#random.uniform() / GROUP.tokens,
    );
    this.#heatmaps = new GpuHeatmaps(gpu, { size: 64, sigma: 2.5, otsu: true });
    this.#maps = storage(gpu, "attention maps", values);
  }

  /** Makes the heatmaps of an image; up to three boxes a phrase. */
  async image(phrases: number, steps: number, onStep = () => {}): Promise<void> {
    const random = this.#random;
    const image = { width: random.integer(400, 800), height: random.integer(400, 800) };
    const box = (): Box => [
      random.integer(0, 350),
      random.integer(0, 350),
      random.integer(1, 300),
      random.integer(1, 300),
    ];
    const targets = Array.from({ length: phrases }, (): PhraseTarget => {
      const boxes = Array.from({ length: random.integer(0, 3) }, box);
      return { range: [1, 8], ...(boxes.length > 0 && { target: { image, truth: boxes } }) };
    });
    this.#heatmaps.begin([GROUP], targets);
    for (let phrase = 0; phrase < phrases; phrase++) {
      for (let step = 0; step < steps; step++) {
        this.#heatmaps.add([this.#maps], phrase);
        onStep();
      }
    }
    for (const result of await this.#heatmaps.finish()) {
      if ("error" in result) throw result.error;
    }
  }

  destroy(): void {
    this.#heatmaps.destroy();
    this.#maps.destroy();
  }
}

Deno.test("GPU buffers stay the same over images of changing phrases and boxes", async () => {
  const gpu = (await openGpu())!;
  const live = new LiveBuffers(gpu.device);
  const soak = new Soak(gpu);
  const random = new Random(2);
  const seen: [count: number, bytes: number, phrases: number][] = [];
  for (let image = 0; image < 36; image++) {
    const phrases = random.integer(1, 6);
    await soak.image(phrases, 2);
    seen.push([live.count, live.bytes(), phrases]);
  }
  // Buffers kept for the next image depend only on the number of phrases of the last image.
  for (const [count, bytes, phrases] of seen) {
    const first = seen.find((other) => other[2] === phrases)!;
    assertEquals([count, bytes], [first[0], first[1]]);
  }
  assertEquals(new Set(seen.map(([count]) => count)).size, 1);
  soak.destroy();
  assertEquals([live.count, live.bytes()], [0, 0]);
  gpu.destroy();
});

Deno.test("attention takes as much memory for few steps as for many, and little", async () => {
  const gpu = (await openGpu())!;
  const live = new LiveBuffers(gpu.device);
  const soak = new Soak(gpu);
  const most = async (steps: number) => {
    let bytes = 0;
    const onStep = () => void (bytes = Math.max(bytes, live.bytes("attention")));
    await soak.image(1, steps, onStep);
    return bytes;
  };
  const bytes = await most(3);
  assertEquals(await most(60), bytes);
  assertEquals(bytes < 4e6, true, `${bytes} bytes`);
  soak.destroy();
  gpu.destroy();
});
