/// <reference lib="dom" />
/**
 * Entry point of the page: grounds phrases or reviews a run, as the server's facts say.
 *
 * @module
 */

import { drawPhantoms, type Phantom } from "../../datasets/phantom/phantom.ts";
import type { Engine } from "../engine_messages.ts";
import type { ServerFacts } from "../review_api.ts";
import { SocketEngine } from "../socket_engine.ts";
import { WorkerEngine } from "../worker_engine.ts";
import { Gallery } from "./gallery.ts";
import { type Example, Grounding } from "./ground.ts";
import { paintGray } from "../viewer/paint.ts";
import { part, say } from "./parts_of_page.ts";
import { Review } from "./review.ts";
import { siteFacts, startServiceWorker } from "./site.ts";
import { keep, recall } from "../viewer/kept.ts";
import { listenToTheme } from "../viewer/theme.ts";

/** Seed and number of the example phantoms. */
const EXAMPLES = { seed: 7, images: 4 };

/** Takes the key from the page's address, and removes it there, where others could see it. */
function takeToken(): string {
  const url = new URL(location.href);
  const token = url.searchParams.get("token");
  if (token === null) return recall("sessionStorage", "token") ?? "";
  // If the browser keeps nothing, leave the key in the address: a reload needs it.
  if (keep("sessionStorage", "token", token)) {
    url.searchParams.delete("token");
    history.replaceState(null, "", url);
  }
  return token;
}

/** Makes a function that asks the server; a refusal is thrown with the server's sentence. */
function fetcher(token: string) {
  return async (path: string): Promise<Response> => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(path, { headers }).catch(() => {
      throw new Error(
        "The server on this machine does not answer: start it again, and open its address",
      );
    });
    if (response.ok) return response;
    const { error } = await response.json().catch(() => ({})) as { error?: string };
    throw new Error(error ?? `The server answered ${response.status}`);
  };
}

function examples(): Example[] {
  return [...drawPhantoms(EXAMPLES)].map((phantom, i) => ({
    name: `Phantom ${i + 1}: ${phantom.findings.map(({ category }) => category).join(", ")}`,
    phrases: phantom.findings.map(({ phrase }) => phrase),
    bytes: () => toPng(phantom),
  }));
}

async function toPng(phantom: Phantom): Promise<ArrayBuffer> {
  const { width, height } = phantom;
  const canvas = new OffscreenCanvas(width, height);
  const pixels = new ImageData(paintGray(phantom, 0, 255), width, height);
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  return await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer();
}

function listen(): void {
  const help = part("help", HTMLDialogElement);
  part("help-button", HTMLButtonElement).addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", ({ key, target }) => {
    const isTyping = target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement;
    if (key === "?" && !isTyping) help.showModal();
  });
  // A file dropped beside the drop area would replace the page in the browser's tab.
  for (const kind of ["dragover", "drop"] as const) {
    document.addEventListener(kind, (event) => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    });
  }
}

function createEngine({ on }: ServerFacts, token: string): Engine {
  if (on === "page") return new WorkerEngine(new URL("worker.js", import.meta.url));
  const url = new URL(`/api/engine?token=${encodeURIComponent(token)}`, location.href);
  url.protocol = "ws:";
  return new SocketEngine(url);
}

async function start(): Promise<void> {
  say(undefined);
  listenToTheme();
  listen();
  const token = takeToken();
  const ask = fetcher(token);
  const site = siteFacts();
  if (site) await startServiceWorker();
  const facts = site ?? await (await ask("/api/server")).json() as ServerFacts;
  const gallery = new Gallery(facts.device);
  if (facts.results) await new Review(ask, gallery).open();
  else new Grounding(createEngine(facts, token), gallery, examples(), facts);
}

start().catch((error: Error) => say(error.message));
