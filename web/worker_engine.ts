/**
 * The engine that runs in the page's own worker.
 *
 * @module
 */

import type { Engine, Reply, Request } from "./protocol.ts";

/**
 * Asks a worker. One that has ended, for want of memory or since its GPU was lost, is replaced by
 * another, which opens the model and the image again; the second time on the processor.
 */
export class WorkerEngine implements Engine {
  onReply: (reply: Reply) => void = () => {};
  readonly #url: URL;
  #worker: Worker;
  #open: Extract<Request, { kind: "open" }> | undefined;
  #image: Extract<Request, { kind: "image" }> | undefined;
  #run: number | undefined;
  #losses = 0;

  /**
   * Starts the worker.
   *
   * @param url Address of its script.
   */
  constructor(url: URL) {
    this.#url = url;
    this.#worker = this.#start();
  }

  ask(request: Request): void {
    if (request.kind === "open") [this.#open, this.#losses] = [request, 0];
    if (request.kind === "image") this.#image = request;
    if (request.kind === "ground" || request.kind === "explore") this.#run = request.run;
    this.#worker.postMessage(request);
  }

  close(): void {
    this.#worker.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#url, { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Reply | "lost">) => {
      if (data === "lost") return this.#replace("The GPU was lost");
      if (data.kind === "ended" || data.kind === "failed") this.#run = undefined;
      this.onReply(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#replace(`What runs the model ended (${event.message || "its script does not load"})`);
    };
    return worker;
  }

  #replace(reason: string): void {
    this.#worker.terminate();
    const request = this.#run === undefined ? "open" : "ground";
    const run = this.#run === undefined ? {} : { run: this.#run };
    const fail = (message: string) => this.onReply({ kind: "failed", request, ...run, message });
    this.#run = undefined;
    const open = this.#open;
    if (!open || this.#losses++ > 1) return fail(`${reason}: reload the page`);
    this.#worker = this.#start();
    const place = this.#losses === 1 ? open.place : "wasm";
    fail(`${reason}: the model is opened again${place === "wasm" ? ", on the processor" : ""}`);
    this.#worker.postMessage({ ...open, place });
    if (this.#image) this.#worker.postMessage(this.#image);
  }
}
