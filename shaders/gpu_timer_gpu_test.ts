import { assert, assertEquals, assertThrows } from "@std/assert";
import { testGpu } from "../tests/support/gpu.ts";
import { type Gpu, storage } from "./device.ts";
import { Gaussian } from "./gaussian.ts";
import { GpuTimer } from "./gpu_timer.ts";

Deno.test("GpuTimer.measure() brackets what is recorded, each piece by itself", async () => {
  const gpu = await testGpu();
  const size = { width: 512, height: 512 };
  const gaussian = new Gaussian(gpu, size, 32);
  const buffers = [storage(gpu, "source", 2 ** 20), storage(gpu, "result", 2 ** 20)] as const;
  const timer = new GpuTimer(gpu, { capacity: 2 });
  assertEquals(await timer.read(), []);
  // Two rounds, because a read must leave the timer empty.
  for (let round = 0; round < 2; round++) {
    const encoder = gpu.device.createCommandEncoder();
    timer.measure(encoder, () => {});
    timer.measure(encoder, () => gaussian.record(encoder, ...buffers));
    assertThrows(() => timer.measure(encoder, () => {}), RangeError, "more than 2 pieces");
    gpu.device.queue.submit([encoder.finish()]);
    const [nothing, smoothing] = await timer.read();
    assert(nothing! >= 0 && smoothing! > nothing!, `${nothing} ms against ${smoothing} ms`);
  }
  timer.destroy();
  gaussian.destroy();
  for (const buffer of buffers) buffer.destroy();
});

Deno.test("GpuTimer() refuses a device without timestamps by name", async () => {
  const { adapter } = await testGpu();
  const gpu = { adapter, device: { features: new Set() } } as unknown as Gpu;
  assertEquals(GpuTimer.isOffered(gpu), false);
  assertThrows(
    () => new GpuTimer(gpu),
    Error,
    `${adapter.name} has no timestamp queries`,
  );
});
