/**
 * Records the WebGPU devices and buffers that a test opens.
 *
 * @module
 */

/** Records of {@linkcode watchDevices}. */
export interface Watched {
  /** All opened devices, in order. */
  readonly devices: GPUDevice[];
  /** Labels of the buffers that were created and not destroyed. */
  openBuffers(): string[];
}

/**
 * Runs a test and records the devices that it opens.
 *
 * @param test Test that opens devices.
 * @param onEncoder Called before a command encoder is created. Receives the encoder's label, the
 * number of earlier encoders with this label on the device, the device and the records.
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
