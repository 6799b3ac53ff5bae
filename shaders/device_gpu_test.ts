import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { testGpu } from "../tests/support/gpu.ts";
import {
  checked,
  DeviceLostError,
  dispatch,
  inTurn,
  openGpu,
  pipeline,
  storage,
} from "./device.ts";
import { submitAndRead } from "./device.ts";

const CODE = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
override ADDEND: u32;
@compute @workgroup_size(1) fn add(@builtin(global_invocation_id) id: vec3u) {
  values[id.x] += ADDEND;
}`;

Deno.test("openGpu() names its adapter and asks for its highest limits", async () => {
  const gpu = await testGpu();
  assert(gpu.adapter.name.length > 1);
  const adapter = await navigator.gpu.requestAdapter();
  const { limits } = gpu.device;
  assertEquals(limits.maxStorageBufferBindingSize, adapter!.limits.maxStorageBufferBindingSize);
  assertEquals(limits.maxBufferSize, adapter!.limits.maxBufferSize);
  assertEquals(gpu.device.features.has("shader-f16"), adapter!.features.has("shader-f16"));
  // Without a GPU, the only adapter is software and must not be reported as hardware.
  if (/llvmpipe/.test(gpu.adapter.name)) assertEquals(gpu.adapter.isHardware, false);
});

Deno.test("a kernel is compiled once, and again for other constants", async () => {
  const gpu = await testGpu();
  const one = pipeline(gpu, "test", CODE, "add", { ADDEND: 1 });
  assert(one === pipeline(gpu, "test", CODE, "add", { ADDEND: 1 }));
  assert(one !== pipeline(gpu, "test", CODE, "add", { ADDEND: 2 }));
});

Deno.test("several buffers are read back at once, empty and odd ones too", async () => {
  const gpu = await testGpu();
  const values = storage(gpu, "values", Uint32Array.of(1, 2, 3));
  const bytes = storage(gpu, "bytes", Uint8Array.of(5, 6, 7));
  const empty = storage(gpu, "empty", new Float32Array());
  const read = await checked(gpu, "add", () => {
    const encoder = gpu.device.createCommandEncoder();
    dispatch(gpu, encoder, pipeline(gpu, "test", CODE, "add", { ADDEND: 10 }), [values], [3, 1, 1]);
    return submitAndRead(gpu, encoder, [
      { buffer: values, bytes: 12 },
      { buffer: empty, bytes: 0 },
      { buffer: bytes, bytes: 4 },
    ]);
  });
  assertEquals([...new Uint32Array(read[0]!)], [11, 12, 13]);
  assertEquals(read[1]!.byteLength, 0);
  assertEquals([...new Uint8Array(read[2]!)], [5, 6, 7, 0]);
  for (const buffer of [values, bytes, empty]) buffer.destroy();
});

Deno.test("storage() refuses a buffer beyond the device's limit, and names its size", async () => {
  const gpu = await testGpu();
  const limit = gpu.device.limits.maxStorageBufferBindingSize;
  assertThrows(
    () => storage(gpu, "a huge map", limit + 4),
    RangeError,
    `Cannot hold a huge map on the GPU: it needs ${limit + 4} bytes`,
  );
});

Deno.test("dispatch() and submitAndRead() refuse work beyond the device's limits", async () => {
  const gpu = await testGpu();
  const values = storage(gpu, "values", Uint32Array.of(1));
  const kernel = pipeline(gpu, "test", CODE, "add", { ADDEND: 1 });
  const encoder = gpu.device.createCommandEncoder();
  const { maxComputeWorkgroupsPerDimension, maxBufferSize } = gpu.device.limits;
  const count = maxComputeWorkgroupsPerDimension + 1;
  assertThrows(
    () => dispatch(gpu, encoder, kernel, [values], [1, count, 1]),
    RangeError,
    `Cannot run test.add on the GPU: it needs 1 x ${count} x 1 workgroups`,
  );
  const bytes = 4 * Math.ceil((maxBufferSize + 4) / 4);
  await assertRejects(
    () => submitAndRead(gpu, encoder, [{ buffer: values, bytes }]),
    RangeError,
    `Cannot read back ${bytes} bytes at once`,
  );
  values.destroy();
});

Deno.test("checked() throws an error that happened before it", async () => {
  const gpu = (await openGpu())!;
  const { popErrorScope } = gpu.device;
  // Real drivers promise memory before they have it, so the test simulates the error.
  gpu.device.popErrorScope = async () => {
    await popErrorScope.call(gpu.device);
    return new GPUOutOfMemoryError("not enough");
  };
  storage(gpu, "a map", 4096).destroy();
  gpu.device.popErrorScope = popErrorScope;
  await assertRejects(
    () => checked(gpu, "go on", () => {}),
    RangeError,
    "Cannot hold a map on the GPU: it needs 4096 bytes, and the GPU is out of memory",
  );
  gpu.device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
  const read = () => {
    const encoder = gpu.device.createCommandEncoder();
    return submitAndRead(gpu, encoder, []);
  };
  await assertRejects(() => checked(gpu, "go on", read), Error, "usage");
  // `checked()` throws each error once.
  await checked(gpu, "go on", read);
  gpu.destroy();
});

Deno.test("checked() names the invalid work, and the loss of a device", async () => {
  const gpu = (await openGpu())!;
  await assertRejects(
    () =>
      checked(gpu, "make a buffer", () => {
        gpu.device.createBuffer({
          size: 16,
          usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE,
        });
      }),
    Error,
    "Cannot make a buffer",
  );
  const buffer = storage(gpu, "values", Uint32Array.of(1));
  const read = () =>
    checked(gpu, "read values", () => {
      const encoder = gpu.device.createCommandEncoder();
      return submitAndRead(gpu, encoder, [{ buffer, bytes: 4 }]);
    });
  assertEquals([...new Uint32Array((await read())[0]!)], [1]);
  gpu.destroy();
  await assertRejects(read, DeviceLostError, "Cannot read values: the GPU was lost");
  await assertRejects(read, DeviceLostError);
});

/** A device that answers when the test says so. */
function slowDevice() {
  const answers: (() => void)[] = [];
  const onSubmittedWorkDone = () => new Promise<void>((resolve) => answers.push(resolve));
  const gpu = { device: { queue: { onSubmittedWorkDone } } } as never;
  return { gpu, answers };
}

Deno.test("inTurn() stalls a producer while two passes wait for the GPU, however slow", async () => {
  const { gpu, answers } = slowDevice();
  let [submitted, finished, most] = [0, 0, 0];
  const producer = (async () => {
    for (let pass = 0; pass < 100; pass++) {
      await inTurn(gpu, () => {
        submitted++;
        most = Math.max(most, submitted - finished);
        return Promise.resolve();
      });
    }
  })();
  const turns = () => new Promise((resolve) => setTimeout(resolve));
  while (submitted < 100) {
    await turns();
    const before = submitted;
    // Nothing moves until the GPU answers.
    await turns();
    assertEquals(submitted, before);
    assertEquals(submitted - finished, 2);
    finished = submitted;
    for (const answer of answers.splice(0)) answer();
  }
  await producer;
  assertEquals(most, 2);
});

Deno.test("inTurn() counts a pass that fails, and passes its error on", async () => {
  const { gpu, answers } = slowDevice();
  for (const error of [new Error("one"), new Error("two")]) {
    await assertRejects(() => inTurn(gpu, () => Promise.reject(error)), Error, error.message);
  }
  let isSubmitted = false;
  const third = inTurn(gpu, () => Promise.resolve(isSubmitted = true));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([isSubmitted, answers.length], [false, 1]);
  answers[0]!();
  assertEquals(await third, true);
});
