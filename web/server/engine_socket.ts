/**
 * Connects sockets of pages to engines on this machine.
 *
 * @module
 */

import { decodeParts, encodeParts } from "../parts.ts";
import {
  CLOSED,
  type Engine,
  MAX_PHRASES,
  type Reply,
  type Request as EngineRequest,
} from "../engine_messages.ts";
import { respondError } from "./responses.ts";

/** Maximum number of open sockets; each may hold a model in memory. */
const MAX_SOCKETS = 4;

/** Maximum bytes of a socket's close reason, by the WebSocket protocol. */
const MAX_REASON = 123;

/**
 * Gives each socket its own engine, which ends with the socket.
 *
 * @param createEngine Makes an engine.
 * @returns A function that answers a request for a socket.
 */
export function engineSockets(
  createEngine: () => Engine,
): (request: Request) => Response {
  let count = 0;
  return (request) => {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return respondError("Expected a request for a WebSocket", 400);
    }
    const { socket, response } = Deno.upgradeWebSocket(request);
    if (count >= MAX_SOCKETS) {
      // Accept the socket and then close it: a page learns no reason for a refused socket.
      const reason =
        `${MAX_SOCKETS} pages are open already: close one of them, and reload this one`;
      socket.onopen = () => socket.close(CLOSED.full, reason);
      return response;
    }
    attach(socket, createEngine(), () => count--);
    count++;
    return response;
  };
}

function attach(socket: WebSocket, engine: Engine, onClose: () => void): void {
  socket.binaryType = "arraybuffer";
  const send = (reply: Reply) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(encodeParts(reply));
  };
  engine.onReply = send;
  socket.onmessage = ({ data }) => {
    let request: EngineRequest;
    try {
      request = readRequest(data);
    } catch (error) {
      // The message may quote the request, but the limit counts bytes: keep ASCII only.
      const reason = (error as Error).message.replace(/[^ -~]/g, "?").slice(0, MAX_REASON);
      return socket.close(CLOSED.wrong, reason);
    }
    engine.ask(request);
  };
  // A close event follows each error.
  socket.onerror = (event) => event.preventDefault();
  socket.onclose = () => {
    engine.close();
    onClose();
  };
}

/**
 * Reads a page's message as a request.
 *
 * @throws {SyntaxError} If the message is no valid request to an engine of this machine.
 */
export function readRequest(message: unknown): EngineRequest {
  const request = message instanceof ArrayBuffer ? decodeParts(message) : undefined;
  const { kind, ...values } = (request ?? {}) as Record<string, unknown>;
  const { model, device, image, name, bytes, run, phrases, phrase, settings, columns } = values;
  const isSettings = typeof settings === "object" && settings !== null;
  const isPhrase = (value: unknown) => typeof value === "string";
  const isRun = Number.isSafeInteger(run) && Number.isSafeInteger(image) && isSettings;
  const isKnown = {
    open: () => model === "demo" && isPhrase(device),
    image: () => Number.isSafeInteger(image) && isPhrase(name) && bytes instanceof ArrayBuffer,
    ground: () =>
      isRun && Array.isArray(phrases) && phrases.length <= MAX_PHRASES && phrases.every(isPhrase),
    explore: () => isRun && isPhrase(phrase) && Number.isSafeInteger(columns),
    identify: () => true,
    cancel: () => Number.isSafeInteger(run),
  };
  if (typeof kind === "string" && Object.hasOwn(isKnown, kind)) {
    if (isKnown[kind as keyof typeof isKnown]()) return request as EngineRequest;
  }
  throw new SyntaxError("Cannot read a message: it is no request to an engine");
}
