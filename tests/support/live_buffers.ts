/**
 * Counts the live GPU buffers of a device.
 *
 * @module
 */

/** The buffers that a device created and has not destroyed. */
export class LiveBuffers {
  #buffers = new Set<GPUBuffer>();

  /**
   * Counts the buffers that the device creates from now on.
   *
   * @param device Device whose `createBuffer` is replaced.
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

  /** Number of live buffers. */
  get count(): number {
    return this.#buffers.size;
  }

  /**
   * Returns the bytes of the buffers whose label contains `word`.
   *
   * @param word Part of the label; the empty default matches every buffer.
   */
  bytes(word = ""): number {
    let bytes = 0;
    for (const { label, size } of this.#buffers) if (label.includes(word)) bytes += size;
    return bytes;
  }
}
