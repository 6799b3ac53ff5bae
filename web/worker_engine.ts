/**
 * The page's side of an engine that runs in a worker.
 *
 * @module
 */

import { type Engine, failureOf, type Reply, type Request } from "./engine_messages.ts";

type ImageRequest = Extract<Request, { kind: "image" }>;
type OpenRequest = Extract<Request, { kind: "open" }>;
type RunRequest = Extract<Request, { kind: "ground" | "explore" }>;

/**
 * Sends requests to a worker, and replaces a worker that fails.
 *
 * A worker ends if memory runs out or the GPU is lost. A new worker then opens the model and the
 * image again. After the second such loss the model moves to the processor. After the third
 * there is no worker until the next request to open a model.
 *
 * A worker that failed to open a model is replaced at the next request to open one: a library
 * that did not load cannot load again in the same worker.
 */
export class WorkerEngine implements Engine {
  onReply: (reply: Reply) => void = () => {};
  readonly #url: URL;
  /** The current worker; `undefined` after too many losses. */
  #worker: Worker | undefined;
  /** Request of the open model, or of the last model that failed to open. */
  #open: OpenRequest | undefined;
  /** Requests to open a model that the worker has not answered. */
  #unopened: OpenRequest[] = [];
  /** Request of the newest image, for a new worker; `undefined` if the image is unreadable. */
  #image: ImageRequest | undefined;
  /** Whether the page has received this image already. */
  #isRead = false;
  /** Request of the current run. */
  #run: RunRequest | undefined;
  #losses = 0;
  #hasFailed = false;

  /**
   * Starts the worker.
   *
   * @param url Address of the worker's script.
   */
  constructor(url: URL) {
    this.#url = url;
    this.#worker = this.#start();
  }

  ask(request: Request): void {
    if (request.kind === "open") {
      this.#losses = 0;
      if (this.#hasFailed) return this.#restart(request);
      if (this.#worker) this.#unopened.push(request);
    }
    if (request.kind === "image") {
      // Without a worker neither the new image nor the image before it is open.
      [this.#image, this.#isRead] = [this.#worker && request, false];
      // The engine cancels the run in the earlier image.
      this.#run = undefined;
    }
    if (!this.#worker) {
      const message = "What runs the model has ended: open a model, or reload the page";
      return this.onReply(failureOf(request, message));
    }
    if (request.kind === "ground" || request.kind === "explore") this.#run = request;
    this.#worker.postMessage(request);
  }

  close(): void {
    this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#url, { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Reply | "lost">) => {
      // A replaced worker may still have sent messages.
      if (worker !== this.#worker) return;
      if (data === "lost") this.#replace("The GPU was lost");
      else this.#take(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker !== this.#worker) return;
      this.#replace(`What runs the model ended (${event.message || "its script does not load"})`);
    };
    return worker;
  }

  #take(reply: Reply): void {
    const isFailure = reply.kind === "failed";
    if ((reply.kind === "ended" || isFailure) && reply.run === this.#run?.run) {
      this.#run = undefined;
    }
    if (reply.kind === "opened" || isFailure && reply.request === "open") {
      const answered = this.#unopened.shift();
      const isKept = isFailure && reply.keepsModel;
      if (!isKept) this.#open = answered;
      this.#hasFailed = isFailure && !isKept;
    }
    if (this.#image && "image" in reply && reply.image === this.#image.image) {
      if (reply.kind === "image") {
        const isRepeated = this.#isRead;
        this.#isRead = true;
        if (isRepeated) return;
      }
      if (isFailure && reply.request === "image") this.#image = undefined;
    }
    this.onReply(reply);
  }

  #replace(reason: string): void {
    const open = this.#unopened.at(-1) ?? this.#open;
    const request: Request = this.#run ?? open ?? { kind: "open", model: "demo", device: "auto" };
    const fail = (message: string) => this.onReply(failureOf(request, message));
    this.#run = undefined;
    if (!open || this.#losses++ > 1) {
      this.#worker?.terminate();
      this.#worker = undefined;
      this.#hasFailed = true;
      const message = `${reason}: reload the page`;
      if (this.#image && !this.#isRead) {
        this.onReply(failureOf(this.#image, message));
        this.#image = undefined;
      }
      return fail(message);
    }
    const device = this.#losses === 1 ? open.device : "wasm";
    fail(`${reason}: the model is opened again${device === "wasm" ? ", on the processor" : ""}`);
    this.#restart({ ...open, device });
  }

  /** Starts a new worker, and opens the model and any image in it. */
  #restart(open: OpenRequest): void {
    this.#worker?.terminate();
    const worker = this.#worker = this.#start();
    [this.#unopened, this.#hasFailed] = [[open], false];
    worker.postMessage(open);
    if (this.#image) worker.postMessage(this.#image);
  }
}
