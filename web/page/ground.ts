/// <reference lib="dom" />
/**
 * Phrases in an X-ray that the user picks.
 *
 * @module
 */

import type {
  Engine,
  EngineSettings,
  OpenedModel,
  PickedModel,
  Place,
  Reply,
} from "../protocol.ts";
import type { ServerFacts } from "../results.ts";
import { COLUMNS, Explorer } from "./explorer.ts";
import type { Gallery } from "./gallery.ts";
import { ModelChoice, type OnModel } from "./model_choice.ts";
import { make, part, say } from "./parts_of_page.ts";
import type { Shown } from "./shown.ts";

/** Most bytes of a file that is sent on: what the decoder takes, and a socket's message. */
const MAX_FILE = 2 ** 26 - 2 ** 12;

/** Where the page's model runs, by what its server was told. */
const PLACES: Readonly<Record<ServerFacts["device"], Place>> = {
  auto: "auto",
  gpu: "webgpu",
  cpu: "wasm",
};

/** Phrases for the phantoms of the examples, drawn on this machine. */
export interface Example {
  readonly name: string;
  readonly phrases: readonly string[];
  readonly bytes: () => Promise<ArrayBuffer>;
}

/** Has an engine ground what the user asks, and shows what comes. */
export class Grounding {
  readonly #engine: Engine;
  readonly #gallery: Gallery;
  readonly #version: string;
  readonly #explorer: Explorer;
  #model: OpenedModel | undefined;
  #image: Extract<Reply, { kind: "image" }> | undefined;
  #shown: Shown[] = [];
  #run = 0;
  #explored = "";
  #isRunning = false;
  /** The open model's SHA-256, once somebody asks. */
  #identity: PromiseWithResolvers<string> | undefined;
  /** Whether phrases are to be grounded as soon as the image is there. */
  #isWaiting = false;

  /**
   * Opens the model, and takes what the user does.
   *
   * @param engine What grounds.
   * @param gallery Where it is shown.
   * @param examples What a newcomer may press.
   * @param facts Where the model runs; in the page the user may choose another.
   */
  constructor(
    engine: Engine,
    gallery: Gallery,
    examples: readonly Example[],
    { on, device, version }: ServerFacts,
  ) {
    [this.#engine, this.#gallery, this.#version] = [engine, gallery, version];
    this.#explorer = new Explorer((title, cell, select) => {
      // What comes of a run has its place among the phrases.
      if (this.#isRunning) return;
      const settings = { ...this.#explorer.trajectory(), layers: [cell.layer], select };
      this.#shown = [{ ...this.#blank(title, settings), layers: [cell] }];
      this.#show();
    });
    engine.onReply = (reply) => this.#take(reply);
    part("ground", HTMLElement).hidden = false;
    this.#listen();
    for (const example of examples) {
      const button = make("button", example.name, { type: "button" });
      button.addEventListener("click", async () => {
        part("phrases", HTMLTextAreaElement).value = example.phrases.join("\n");
        this.#isWaiting = true;
        this.#send(example.name, await example.bytes());
      });
      part("examples", HTMLElement).append(button);
    }
    const open: OnModel = (model, place) => this.#open(model, place);
    if (on === "page") new ModelChoice(PLACES[device], open);
    else open("demo", "auto");
  }

  #open(model: "demo" | PickedModel, place: Place): void {
    this.#cancel();
    say(undefined);
    this.#model = undefined;
    this.#identity = undefined;
    this.#engine.ask({ kind: "open", model, place });
    part("place", HTMLElement).textContent = "";
    this.#status("Opening the model …");
    this.#enable();
  }

  #listen(): void {
    const file = part("file", HTMLInputElement);
    file.addEventListener("change", () => this.#read(file.files?.[0]));
    const drop = part("drop", HTMLElement);
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    document.addEventListener("dragleave", () => drop.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      this.#read(event.dataTransfer?.files[0]);
    });
    document.addEventListener("paste", (event) => {
      const pasted = event.clipboardData?.files[0];
      if (pasted) this.#read(pasted);
    });
    part("run", HTMLButtonElement).addEventListener("click", () => this.#start());
    part("explore", HTMLButtonElement).addEventListener("click", () => this.#explore());
    part("cancel", HTMLButtonElement).addEventListener("click", () => this.#cancel());
    part("phrases", HTMLTextAreaElement).addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#start();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#cancel();
    });
  }

  async #read(file: File | undefined): Promise<void> {
    if (!file) return;
    if (file.size > MAX_FILE) {
      return say(`Cannot read "${file.name}": its ${file.size} bytes are more than ${MAX_FILE}`);
    }
    const bytes = await file.arrayBuffer().catch(() => undefined);
    if (bytes) this.#send(file.name, bytes);
    else say(`Cannot read "${file.name}": it is a folder, or it has changed since it was picked`);
  }

  #send(name: string, bytes: ArrayBuffer): void {
    say(undefined);
    this.#status(`Reading ${name} …`);
    this.#engine.ask({ kind: "image", name, bytes });
  }

  /** The phrases that are typed, if they can be grounded now. */
  #phrases(): string[] | undefined {
    if (this.#isRunning || !this.#model) return undefined;
    const lines = part("phrases", HTMLTextAreaElement).value.split("\n");
    const phrases = lines.map((line) => line.trim()).filter((line) => line !== "");
    const missing = !this.#image
      ? "Pick an X-ray first"
      : phrases.length === 0
      ? "Type a phrase first, such as: left pleural effusion"
      : undefined;
    say(missing);
    return missing === undefined ? phrases : undefined;
  }

  #start(): void {
    const phrases = this.#phrases();
    if (!phrases) return;
    const settings = this.#explorer.settings();
    if (settings.layers.length === 0) return say("Choose a layer first");
    if (![settings.steps, ...settings.select].every(Number.isInteger)) {
      return say("Type how many steps the trajectory has, and a first and a last one to read");
    }
    this.#shown = phrases.map((phrase) => this.#blank(phrase, settings));
    this.#show();
    this.#begin();
    this.#engine.ask({ kind: "ground", run: this.#run, phrases, settings });
  }

  #explore(): void {
    const [phrase] = this.#phrases() ?? [];
    if (phrase === undefined) return;
    this.#explored = phrase;
    this.#begin();
    const request = {
      run: this.#run,
      phrase,
      columns: COLUMNS,
      settings: this.#explorer.trajectory(),
    };
    this.#engine.ask({ kind: "explore", ...request });
  }

  #begin(): void {
    this.#isRunning = true;
    this.#run++;
    this.#status("Starting …");
    this.#enable();
  }

  #cancel(): void {
    if (this.#isRunning) this.#engine.ask({ kind: "cancel", run: this.#run });
  }

  #take(reply: Reply): void {
    if ("run" in reply && reply.run !== undefined && reply.run !== this.#run) return;
    switch (reply.kind) {
      case "opening":
        this.#status(`Opening the model: ${Math.round(reply.bytes / 2 ** 20)} MB read …`);
        break;
      case "opened": {
        this.#model = reply.model;
        this.#explorer.open(reply.model);
        const { place, notice } = reply.model;
        part("place", HTMLElement).textContent = notice ? `${place} ${notice}` : place;
        this.#status("Ready.");
        break;
      }
      case "image":
        this.#image = reply;
        this.#shown = [{ ...this.#blank(reply.name), facts: "no phrase yet" }];
        this.#show();
        this.#status(`${reply.name}: ${reply.gray.width} x ${reply.gray.height} pixels.`);
        if (this.#isWaiting) this.#start();
        this.#isWaiting = false;
        break;
      case "progress": {
        const { part: kind, done, total, secondsLeft = 0 } = reply;
        const bar = part("progress", HTMLProgressElement);
        [bar.max, bar.value] = [total, done];
        const what = kind === "trajectory" ? "the X-ray's trajectory" : "the phrases";
        this.#status(`Pass ${done} of ${total}, ${what}; ${Math.ceil(secondsLeft)} s left.`);
        break;
      }
      case "attention": {
        const { phrase, layers, steps, total } = reply;
        const facts = steps < total ? `step ${steps} of ${total}` : `${total} steps`;
        this.#shown[phrase] = { ...this.#shown[phrase]!, layers, facts };
        this.#gallery.update(phrase, this.#shown[phrase]!);
        break;
      }
      case "explored":
        this.#explorer.show(this.#explored, reply);
        break;
      case "ended":
        this.#isRunning = false;
        this.#status(reply.how === "done" ? "Done." : "Cancelled.");
        break;
      case "failed":
        if (reply.run !== undefined) this.#isRunning = false;
        this.#isWaiting = false;
        if (reply.request === "identify") this.#identity = undefined;
        say(reply.message);
        this.#status("");
        break;
      case "identified":
        this.#identity?.resolve(reply.sha256);
        break;
      case "notice":
        say(reply.message);
    }
    this.#enable();
  }

  #blank(title: string, settings: EngineSettings = {}): Shown {
    const { gray, crop } = this.#image!;
    const { width, height } = gray;
    const size = this.#model?.size ?? 1;
    const original = { width, height };
    return { title, facts: "", gray, original, crop, size, isGrid: false, boxes: [], settings };
  }

  #show(): void {
    this.#gallery.show(this.#image!.name, this.#shown, () => this.#record());
  }

  /** What heatmaps are made with, the model named by its hash. */
  async #record(): Promise<object> {
    const model = this.#model;
    if (!model) return {};
    if (!this.#identity) {
      this.#identity = Promise.withResolvers();
      this.#engine.ask({ kind: "identify" });
    }
    const sha256 = await this.#identity.promise;
    const versions = { groundray: this.#version, runtime: model.version };
    return { model: { sha256 }, versions };
  }

  #enable(): void {
    const buttons = [
      ...["run", "explore"].map((id) => part(id, HTMLButtonElement)),
      ...part("examples", HTMLElement).querySelectorAll("button"),
    ];
    for (const button of buttons) button.disabled = this.#isRunning || !this.#model;
    part("cancel", HTMLButtonElement).disabled = !this.#isRunning;
  }

  #status(text: string): void {
    part("status", HTMLElement).textContent = text;
  }
}
