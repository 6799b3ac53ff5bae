/**
 * An engine of this machine behind a socket.
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
} from "../protocol.ts";
import { respondError } from "./responses.ts";

/** Most sockets at a time: each may hold a model. */
const MAX_SOCKETS = 4;

/** Most bytes of a socket's reason to close. */
const MAX_REASON = 123;

/**
 * Gives each socket an engine of its own, which ends with it.
 *
 * @param createEngine Makes an engine.
 * @returns Answers a request for a socket.
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
      // A page is told the reason of a socket that closes, and of one that is refused nothing.
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
      // It may repeat what came, and a reason is measured in bytes.
      const reason = (error as Error).message.replace(/[^ -~]/g, "?").slice(0, MAX_REASON);
      return socket.close(CLOSED.wrong, reason);
    }
    engine.ask(request);
  };
  // A close follows it.
  socket.onerror = (event) => event.preventDefault();
  socket.onclose = () => {
    engine.close();
    onClose();
  };
}

/**
 * Reads what a page asks.
 *
 * @throws {SyntaxError} If it is nothing that a page asks of this machine's engine.
 */
export function readRequest(message: unknown): EngineRequest {
  const request = message instanceof ArrayBuffer ? decodeParts(message) : undefined;
  const { kind, ...values } = (request ?? {}) as Record<string, unknown>;
  const { model, place, image, name, bytes, run, phrases, phrase, settings, columns } = values;
  const isSettings = typeof settings === "object" && settings !== null;
  const isPhrase = (value: unknown) => typeof value === "string";
  const isRun = Number.isSafeInteger(run) && Number.isSafeInteger(image) && isSettings;
  const isKnown = {
    open: () => model === "demo" && isPhrase(place),
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
