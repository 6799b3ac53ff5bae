import { assertEquals } from "@std/assert";
import { openGpu } from "../../shaders/device.ts";
import { HeatmapSoak } from "./heatmap_soak.ts";
import { LiveBuffers } from "./live_buffers.ts";
import { slope } from "./memory.ts";

Deno.test("slope() is that of the line nearest to the points", () => {
  assertEquals(slope([[0, 5], [1, 5], [2, 5]]), 0);
  assertEquals(slope([[10, 1], [20, 3], [30, 3], [40, 5]]), 0.12);
});

Deno.test("GPU buffers stay the same over images of changing phrases and boxes", async () => {
  const gpu = (await openGpu())!;
  const live = new LiveBuffers(gpu.device);
  const soak = new HeatmapSoak(gpu, 64);
  const seen: [count: number, bytes: number, phrases: number][] = [];
  for (let image = 0; image < 36; image++) {
    const phrases = await soak.image(2);
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
  const soak = new HeatmapSoak(gpu, 64);
  const most = async (steps: number) => {
    let bytes = 0;
    const onStep = () => void (bytes = Math.max(bytes, live.bytes("attention")));
    await soak.image(steps, { phrases: 1, onStep });
    return bytes;
  };
  const bytes = await most(3);
  assertEquals(await most(60), bytes);
  assertEquals(bytes < 4e6, true, `${bytes} bytes`);
  soak.destroy();
  gpu.destroy();
});
