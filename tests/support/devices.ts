/**
 * Watches what is asked of WebGPU, whoever asks.
 *
 * @module
 */

/** What {@linkcode watchDevices} saw. */
export interface Watched {
  /** Every device that was opened, in order. */
  readonly devices: GPUDevice[];
  /** Labels of the buffers that were made and not destroyed. */
  openBuffers(): string[];
}

/**
 * Runs a test with the devices that it opens in view.
 *
 * @param test What opens devices.
 * @param onEncoder Told of each command encoder's label before it is made, and
 * how many of that label its device made before.
 */
export async function watchDevices(
  test: (watched: Watched) => Promise<void>,
  onEncoder: (label: string, count: number, device: GPUDevice, watched: Watched) => void = () => {},
): Promise<void> {
  const open = new Set<GPUBuffer>();
  const watched: Watched = {
    devices: [],
    openBuffers: () => [...open].map(({ label }) => label),
  };
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args);
    watched.devices.push(device);
    const counts = new Map<string, number>();
    const { createCommandEncoder, createBuffer } = device;
    device.createCommandEncoder = (descriptor) => {
      const label = descriptor?.label ?? "";
      const count = counts.get(label) ?? 0;
      counts.set(label, count + 1);
      onEncoder(label, count, device, watched);
      return createCommandEncoder.call(device, descriptor);
    };
    device.createBuffer = (descriptor) => {
      const buffer = createBuffer.call(device, descriptor);
      const { destroy } = buffer;
      open.add(buffer);
      buffer.destroy = () => {
        open.delete(buffer);
        return destroy.call(buffer);
      };
      return buffer;
    };
    return device;
  };
  try {
    await test(watched);
  } finally {
    GPUAdapter.prototype.requestDevice = requestDevice;
  }
}
