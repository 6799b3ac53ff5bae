/// <reference lib="dom" />
/**
 * Phrases in an X-ray that the user picks.
 *
 * @module
 */

import {
  type Engine,
  type EngineSettings,
  MAX_PHRASES,
  type OpenedModel,
  type PickedModel,
  type Place,
  type Reply,
} from "../protocol.ts";
import type { ServerFacts } from "../results.ts";
import { COLUMNS, Explorer } from "./explorer.ts";
import type { Gallery } from "./gallery.ts";
import { ModelChoice, type OnModel } from "./model_choice.ts";
import { make, part, say } from "./parts_of_page.ts";
import { isAttended, type Shown } from "./shown.ts";

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

/** Pictures, and the model that made or is to make their heatmaps. */
interface Made {
  readonly shown: Shown[];
  readonly by: OpenedModel | undefined;
}

/** Has an engine ground what the user asks, and shows what comes. */
export class Grounding {
  readonly #engine: Engine;
  readonly #gallery: Gallery;
  readonly #version: string;
  readonly #explorer: Explorer;
  readonly #choice: ModelChoice | undefined;
  #model: OpenedModel | undefined;
  /** The model that is open while another is being opened. */
  #opened: OpenedModel | undefined;
  #image: Extract<Reply, { kind: "image" }> | undefined;
  #made: Made = { shown: [], by: undefined };
  /** What was shown before the run. */
  #before: Made | undefined;
  #run = 0;
  #explored = "";
  #isRunning = false;
  /** How many X-rays the engine was given and has not decoded. */
  #unread = 0;
  /** SHA-256 of models, once somebody asks. */
  readonly #hashes = new WeakMap<OpenedModel, Promise<string>>();
  /** That of the open model, until it is known. */
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
      if (this.#isRunning || !this.#model) return;
      const settings = { ...this.#explorer.trajectory(), layers: [cell.layer], select };
      this.#show([{ ...this.#blank(title, settings), layers: [cell] }]);
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
    if (on === "page") this.#choice = new ModelChoice(PLACES[device], open);
    else open("demo", "auto");
  }

  #open(model: "demo" | PickedModel, place: Place): void {
    this.#cancel();
    say(undefined);
    this.#model = undefined;
    this.#engine.ask({ kind: "open", model, place });
    part("place", HTMLElement).textContent = "";
    this.#status("Opening the model …");
    this.#enable();
  }

  #listen(): void {
    const file = part("file", HTMLInputElement);
    // A file that has changed since may be picked again, which is no change otherwise.
    file.addEventListener("click", () => file.value = "");
    file.addEventListener("change", () => this.#read(file.files));
    const drop = part("drop", HTMLElement);
    document.addEventListener("dragover", (event) => {
      if (event.dataTransfer?.types.includes("Files")) drop.classList.add("over");
    });
    document.addEventListener("dragleave", () => drop.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      drop.classList.remove("over");
      this.#read(event.dataTransfer?.files);
    });
    document.addEventListener("paste", (event) => {
      this.#read(event.clipboardData?.files);
    });
    part("run", HTMLButtonElement).addEventListener("click", () => this.#start());
    part("explore", HTMLButtonElement).addEventListener("click", () => this.#explore());
    part("cancel", HTMLButtonElement).addEventListener("click", () => this.#cancel());
    part("phrases", HTMLTextAreaElement).addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#start();
    });
    document.addEventListener("keydown", (event) => {
      // It closes the dialog where there is one.
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) this.#cancel();
    });
  }

  async #read(files: FileList | null | undefined): Promise<void> {
    const [file] = files ?? [];
    if (!file) return;
    if (files!.length > 1) {
      return say(`Cannot read ${files!.length} files: pick one X-ray at a time`);
    }
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
    this.#unread++;
    this.#enable();
    this.#engine.ask({ kind: "image", name, bytes });
  }

  /** The phrases that are typed, if they can be grounded now. */
  #phrases(): string[] | undefined {
    if (!this.#isReady()) return undefined;
    const lines = part("phrases", HTMLTextAreaElement).value.split("\n");
    const phrases = lines.map((line) => line.trim()).filter((line) => line !== "");
    const missing = !this.#image
      ? "Pick an X-ray first"
      : phrases.length === 0
      ? "Type a phrase first, such as: left pleural effusion"
      : phrases.length > MAX_PHRASES
      ? `Cannot ground ${phrases.length} phrases at a time: expected at most ${MAX_PHRASES}`
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
    this.#before = this.#made;
    this.#show(phrases.map((phrase) => this.#blank(phrase, settings)));
    this.#begin();
    this.#engine.ask({ kind: "ground", run: this.#run, phrases, settings });
  }

  #explore(): void {
    const [phrase] = this.#phrases() ?? [];
    if (phrase === undefined) return;
    const settings = this.#explorer.trajectory();
    if (!Number.isInteger(settings.steps)) return say("Type how many steps the trajectory has");
    this.#explored = phrase;
    this.#before = undefined;
    this.#begin();
    this.#engine.ask({ kind: "explore", run: this.#run, phrase, columns: COLUMNS, settings });
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
      case "opened":
        this.#choice?.settle();
        this.#use(reply.model);
        this.#explorer.open(reply.model);
        this.#status("Ready.");
        break;
      case "image":
        this.#image = reply;
        this.#unread--;
        this.#show([{ ...this.#blank(reply.name), facts: "no phrase yet" }]);
        this.#status(`${reply.name}: ${reply.gray.width} x ${reply.gray.height} pixels.`);
        if (this.#unread > 0) break;
        if (this.#isWaiting) this.#start();
        this.#isWaiting = false;
        break;
      case "progress": {
        const { part: kind, done, total, secondsLeft = 0 } = reply;
        const bar = part("progress", HTMLProgressElement);
        [bar.max, bar.value] = [total, done];
        const what = kind === "trajectory" ? "the X-ray's trajectory" : "the phrases";
        this.#status(`Pass ${done} of ${total}, ${what}; ${Math.ceil(secondsLeft)} s left.`, true);
        break;
      }
      case "attention": {
        const { phrase, layers, steps, total, notes = [] } = reply;
        const step = steps < total ? `step ${steps} of ${total}` : `${total} steps`;
        const facts = [step, ...notes].join("; ");
        const { shown } = this.#made;
        shown[phrase] = { ...shown[phrase]!, layers, facts, notes };
        this.#gallery.update(phrase, shown[phrase]!);
        break;
      }
      case "explored":
        this.#explorer.show(this.#explored, reply);
        break;
      case "ended":
        this.#isRunning = false;
        // Otherwise another is being opened, which the status says.
        if (this.#model) this.#status(reply.how === "done" ? "Done." : "Cancelled.");
        break;
      case "failed":
        this.#fail(reply);
        break;
      case "identified":
        this.#identity?.resolve(reply.sha256);
        break;
      case "notice":
        say(reply.message);
    }
    this.#enable();
  }

  /** Has the page go on with a model, or without one. */
  #use(model: OpenedModel | undefined): void {
    this.#model = this.#opened = model;
    const { place, notice } = model ?? { place: "" };
    part("place", HTMLElement).textContent = notice ? `${place} ${notice}` : place;
  }

  #fail({ request, run, keepsModel, message }: Extract<Reply, { kind: "failed" }>): void {
    if (run !== undefined) {
      this.#isRunning = false;
      // What a run made before it failed stays; where that is nothing, so does what was there.
      const before = this.#before;
      if (before && !this.#made.shown.some(isAttended)) this.#show(before.shown, before.by);
    }
    this.#isWaiting = false;
    if (request === "image") this.#unread = Math.max(this.#unread - 1, 0);
    if (request === "open") {
      this.#use(keepsModel ? this.#opened : undefined);
      if (keepsModel) this.#choice?.goBack();
    }
    if (request === "identify") this.#identity?.reject(new Error(message));
    say(message);
    this.#status("");
  }

  #blank(title: string, settings: EngineSettings = {}): Shown {
    const { gray, crop } = this.#image!;
    const { width, height } = gray;
    const size = this.#model?.size ?? 1;
    const original = { width, height };
    return { title, facts: "", gray, original, crop, size, isGrid: false, boxes: [], settings };
  }

  #show(shown: Shown[], by = this.#model): void {
    this.#made = { shown, by };
    this.#gallery.show(this.#image!.name, shown, () => this.#record(by));
  }

  /**
   * What heatmaps are made with, the model named by its hash.
   *
   * @throws {Error} If its weights cannot be read any more.
   */
  async #record(model: OpenedModel | undefined): Promise<object> {
    if (!model) return {};
    let hash = this.#hashes.get(model);
    if (!hash) {
      if (model !== this.#model) {
        throw new Error(
          "Cannot name the model that made this heatmap, which is closed: press Show where again",
        );
      }
      this.#identity = Promise.withResolvers();
      hash = this.#identity.promise;
      this.#hashes.set(model, hash);
      hash.catch(() => this.#hashes.delete(model));
      this.#engine.ask({ kind: "identify" });
    }
    const versions = { groundray: this.#version, runtime: model.version };
    return { model: { sha256: await hash }, versions };
  }

  #isReady(): boolean {
    return !this.#isRunning && this.#unread === 0 && this.#model !== undefined;
  }

  #enable(): void {
    const buttons = [
      ...["run", "explore"].map((id) => part(id, HTMLButtonElement)),
      ...part("examples", HTMLElement).querySelectorAll("button"),
    ];
    for (const button of buttons) button.disabled = !this.#isReady();
    part("cancel", HTMLButtonElement).disabled = !this.#isRunning;
  }

  /** Says what happens; what changes all the time is not to be read aloud each time. */
  #status(text: string, isPassing = false): void {
    const status = part("status", HTMLElement);
    status.ariaBusy = String(isPassing);
    status.textContent = text;
  }
}
