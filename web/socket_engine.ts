/**
 * The engine of this machine, for a page that its server showed.
 *
 * @module
 */

import { quote } from "../base/text.ts";
import { decodeParts, encodeParts } from "./parts.ts";
import { CLOSED, type Engine, failureOf, type Reply, type Request } from "./protocol.ts";

/** Most bytes of a message; the server takes 64 MiB. */
const MAX_MESSAGE = 2 ** 26 - 2 ** 10;

const LOST =
  "The connection to the server on this machine ended: start it again, and open the address that " +
  "it prints";

/** Asks an engine over a socket; what is asked before it is open waits. */
export class SocketEngine implements Engine {
  onReply: (reply: Reply) => void = () => {};
  readonly #socket: WebSocket;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  /** What was asked and is not answered, which is over with the connection. */
  #asked: Request[] = [];

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
    this.#socket.onmessage = ({ data }) => this.#take(decodeParts(data) as Reply);
    this.#socket.onclose = ({ code, reason }) => {
      // A library that closes for the server has words of its own.
      const message = code === CLOSED.full || code === CLOSED.wrong ? reason : LOST;
      const last: Request = { kind: "open", model: "demo", place: "auto" };
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

/** Whether a request is over with a reply. */
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
