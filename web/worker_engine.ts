/**
 * The engine that runs in the page's own worker.
 *
 * @module
 */

import { type Engine, failureOf, type Reply, type Request } from "./protocol.ts";

type ImageRequest = Extract<Request, { kind: "image" }>;
type OpenRequest = Extract<Request, { kind: "open" }>;
type RunRequest = Extract<Request, { kind: "ground" | "explore" }>;

/**
 * Asks a worker. One that has ended, for want of memory or since its GPU was lost, is replaced by
 * another, which opens the model and the image again; the second time on the processor. So is one
 * that could not open a model as soon as one is to be opened again: a library that did not load
 * stays so in its worker.
 */
export class WorkerEngine implements Engine {
  onReply: (reply: Reply) => void = () => {};
  readonly #url: URL;
  /** `undefined` once it has ended too often. */
  #worker: Worker | undefined;
  /** The model that is open, or that last was to be. */
  #open: OpenRequest | undefined;
  /** Those that the worker has not answered. */
  #unopened: OpenRequest[] = [];
  /** The image that was asked for last, unless it cannot be read: no other is opened again. */
  #image: ImageRequest | undefined;
  /** Whether the page has it already. */
  #isRead = false;
  /** The run that is under way. */
  #run: RunRequest | undefined;
  #losses = 0;
  #hasFailed = false;

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
    if (request.kind === "open") {
      this.#losses = 0;
      if (this.#hasFailed) return this.#restart(request);
      if (this.#worker) this.#unopened.push(request);
    }
    if (request.kind === "image") {
      // One that no worker can be asked to read is open nowhere, and neither is the one before.
      [this.#image, this.#isRead] = [this.#worker && request, false];
      // The engine ends a run in another image.
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
      // One that was replaced may have said something still.
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
    const request: Request = this.#run ?? open ?? { kind: "open", model: "demo", place: "auto" };
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
    const place = this.#losses === 1 ? open.place : "wasm";
    fail(`${reason}: the model is opened again${place === "wasm" ? ", on the processor" : ""}`);
    this.#restart({ ...open, place });
  }

  /** Starts another worker, with the model and the image if there is one. */
  #restart(open: OpenRequest): void {
    this.#worker?.terminate();
    const worker = this.#worker = this.#start();
    [this.#unopened, this.#hasFailed] = [[open], false];
    worker.postMessage(open);
    if (this.#image) worker.postMessage(this.#image);
  }
}
