/**
 * The engine of this machine, for a page that its server showed.
 *
 * @module
 */

import { decodeParts, encodeParts } from "./parts.ts";
import type { Engine, Reply, Request } from "./protocol.ts";

/** Most bytes of a message; the server takes 64 MiB. */
const MAX_MESSAGE = 2 ** 26 - 2 ** 10;

/** Asks an engine over a socket; what is asked before it is open waits. */
export class SocketEngine implements Engine {
  onReply: (reply: Reply) => void = () => {};
  readonly #socket: WebSocket;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #last: Request["kind"] = "open";

  /**
   * Connects.
   *
   * @param url Address of the socket, `ws://…/api/engine?token=…`.
   */
  constructor(url: string | URL) {
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => {
      for (const message of this.#waiting) this.#socket.send(message);
      this.#waiting = [];
    };
    this.#socket.onmessage = ({ data }) => this.onReply(decodeParts(data) as Reply);
    this.#socket.onclose = () => {
      const message =
        "The connection to the server on this machine ended: start it again, and reload the page";
      this.onReply({ kind: "failed", request: this.#last, message });
    };
  }

  ask(request: Request): void {
    this.#last = request.kind;
    const message = encodeParts(request);
    if (message.length > MAX_MESSAGE) {
      const { kind } = request;
      const size = `its ${message.length} bytes are more than ${MAX_MESSAGE}`;
      this.onReply({ kind: "failed", request: kind, message: `Cannot send the ${kind}: ${size}` });
    } else if (this.#socket.readyState === WebSocket.CONNECTING) this.#waiting.push(message);
    else if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  close(): void {
    this.#socket.onclose = null;
    this.#socket.close();
  }
}
