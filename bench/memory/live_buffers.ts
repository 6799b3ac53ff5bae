/**
 * The GPU buffers that are alive.
 *
 * @module
 */

/** Buffers that a device made and that were not destroyed. */
export class LiveBuffers {
  #buffers = new Set<GPUBuffer>();

  /**
   * Counts the buffers that the device makes from now on.
   *
   * @param device Its `createBuffer` is replaced.
   */
  constructor(device: GPUDevice) {
    const { createBuffer } = device;
    device.createBuffer = (descriptor) => {
      const buffer = createBuffer.call(device, descriptor);
      const { destroy } = buffer;
      this.#buffers.add(buffer);
      buffer.destroy = () => {
        this.#buffers.delete(buffer);
        return destroy.call(buffer);
      };
      return buffer;
    };
  }

  /** How many there are. */
  get count(): number {
    return this.#buffers.size;
  }

  /**
   * Bytes of those whose label holds a word.
   *
   * @param word Part of their labels; of all by default.
   */
  bytes(word = ""): number {
    let bytes = 0;
    for (const { label, size } of this.#buffers) if (label.includes(word)) bytes += size;
    return bytes;
  }
}
