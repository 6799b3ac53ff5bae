/**
 * The page's side of an engine that runs in the server on this machine.
 *
 * @module
 */

import { quote } from "../base/text.ts";
import { decodeParts, encodeParts } from "./parts.ts";
import { CLOSED, type Engine, failureOf, type Reply, type Request } from "./engine_messages.ts";

/** Maximum bytes of a message, just below the server's limit of 64 MiB. */
const MAX_MESSAGE = 2 ** 26 - 2 ** 10;

const LOST =
  "The connection to the server on this machine ended: start it again, and open the address that " +
  "it prints";

/** Sends requests to an engine over a socket; requests wait until the socket is open. */
export class SocketEngine implements Engine {
  onReply: (reply: Reply) => void = () => {};
  readonly #socket: WebSocket;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  /** Requests without a final reply; they fail when the connection ends. */
  #asked: Request[] = [];

  /**
   * Connects to the server.
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
    this.#socket.onmessage = ({ data }) => this.#take(decodeParts(data) as Reply);
    this.#socket.onclose = ({ code, reason }) => {
      // Only these codes carry a reason of ours; other reasons come from the library.
      const message = code === CLOSED.full || code === CLOSED.wrong ? reason : LOST;
      const last: Request = { kind: "open", model: "demo", device: "auto" };
      for (const request of [...this.#asked, last]) this.#fail(request, message);
      this.#asked = [];
    };
  }

  ask(request: Request): void {
    const message = encodeParts(request);
    if (message.length > MAX_MESSAGE) {
      const size = `its ${message.length} bytes are more than ${MAX_MESSAGE}`;
      const what = request.kind === "image" ? quote(request.name) : `the ${request.kind}`;
      this.#fail(request, `Cannot send ${what}: ${size}`);
    } else if (this.#socket.readyState > WebSocket.OPEN) this.#fail(request, LOST);
    else {
      if (request.kind !== "cancel") this.#asked.push(request);
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
      else this.#waiting.push(message);
    }
  }

  close(): void {
    this.#socket.onclose = null;
    this.#socket.close();
  }

  #take(reply: Reply): void {
    const answered = this.#asked.findIndex((request) => isAnswer(reply, request));
    if (answered >= 0) this.#asked.splice(answered, 1);
    this.onReply(reply);
  }

  #fail(request: Request, message: string): void {
    this.onReply(failureOf(request, message));
  }
}

/** Whether a reply is the final one to a request. */
function isAnswer(reply: Reply, request: Request): boolean {
  switch (reply.kind) {
    case "ended":
      return "run" in request && request.run === reply.run;
    case "failed":
      return request.kind === reply.request && (!("run" in request) || request.run === reply.run) &&
        (request.kind !== "image" || request.image === reply.image);
    case "opened":
      return request.kind === "open";
    case "identified":
      return request.kind === "identify";
    default:
      return reply.kind === "image" && request.kind === "image" && request.image === reply.image;
  }
}
