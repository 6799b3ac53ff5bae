/// <reference lib="dom" />
/**
 * Phrases in an X-ray that the user picks.
 *
 * @module
 */

import {
  type Engine,
  MAX_PHRASES,
  type OpenedModel,
  type PickedModel,
  type Place,
  type Reply,
  type RunSettings,
} from "../protocol.ts";
import { printable } from "../../base/text.ts";
import type { ResultRecord } from "../../reports/result_json.ts";
import type { ServerFacts } from "../results.ts";
import { COLUMNS, Explorer } from "./explorer.ts";
import type { Gallery } from "./gallery.ts";
import { ModelChoice, type OnModel } from "./model_choice.ts";
import { make, part, say } from "./parts_of_page.ts";
import { isAttended, type Shown } from "../viewer/shown.ts";

/** Most bytes of a file that is sent on: what the decoder takes, and a socket's message. */
const MAX_FILE = 2 ** 26 - 2 ** 12;

/** Most characters of an X-ray's name. */
const MAX_NAME = 300;

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

/** An X-ray that was chosen; it is open once there are pixels of it. */
interface Chosen {
  /** Counts choices, so that nothing of an earlier one is taken for this. */
  readonly id: number;
  /** What its file is called. */
  readonly file: string;
  /** The same, as far as that can be printed. */
  readonly name: string;
  /** Whether its phrases are to be grounded as soon as it is open. */
  readonly isExample: boolean;
  /** The X-ray whose run it ended, by name. */
  readonly ended: string | undefined;
  /** What was read of it. */
  image?: Extract<Reply, { kind: "image" }>;
}

/** Pictures, and the model that made or is to make their heatmaps. */
interface Made {
  readonly shown: Shown[];
  readonly by: OpenedModel | undefined;
}

/** What is to be known of every heatmap of a model. */
function notesOf(model: OpenedModel | undefined): string[] {
  return model?.notice ? [model.notice] : [];
}

/** Size of an X-ray in words. */
function pixelsOf({ gray: { width, height } }: NonNullable<Chosen["image"]>): string {
  return `${width} x ${height} pixels`;
}

/** Says that a choice ended a run, if it did. */
function endOf({ ended }: Pick<Chosen, "ended">): string | undefined {
  return ended === undefined
    ? undefined
    : `The run in ${ended} was cancelled, since another X-ray was chosen.`;
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
  /** The X-ray that was chosen last; none where it could not be read. */
  #chosen: Chosen | undefined;
  #choices = 0;
  #made: Made = { shown: [], by: undefined };
  /** What was shown before the run. */
  #before: Made | undefined;
  #run = 0;
  /** The phrase whose attention is read for the explorer, and how. */
  #explored = "";
  #exploredBy: Partial<RunSettings> = {};
  #isRunning = false;
  /** SHA-256 of models, once somebody asks. */
  readonly #hashes = new WeakMap<OpenedModel, Promise<string>>();
  /** That of the open model, until it is known. */
  #identity: PromiseWithResolvers<string> | undefined;

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
      const image = this.#chosen?.image;
      // What comes of a run has its place among the phrases.
      if (this.#isRunning || !this.#model || !image) return;
      const [start, end] = select;
      const settings = { ...this.#exploredBy, layers: [cell.layer], start, end };
      const phrase = this.#explored;
      this.#show([{ ...this.#blank(image, title, settings), phrase, layers: [cell] }]);
    });
    engine.onReply = (reply) => this.#take(reply);
    part("ground", HTMLElement).hidden = false;
    this.#listen();
    for (const example of examples) {
      const button = make("button", example.name, { type: "button" });
      button.addEventListener("click", () => {
        part("phrases", HTMLTextAreaElement).value = example.phrases.join("\n");
        this.#choose(example.name, example.bytes, true);
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
    file.addEventListener("change", () => {
      this.#read(file.files);
      // The page says itself which X-ray is open, and a file may be picked again.
      file.value = "";
    });
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

  #read(files: FileList | null | undefined): void {
    const [file] = files ?? [];
    if (!file) return;
    if (files!.length > 1) {
      const still = this.#chosen ? `; ${this.#chosen.name} stays` : "";
      return say(`Cannot read ${files!.length} files: pick one X-ray at a time${still}`);
    }
    this.#choose(file.name, async () => {
      if (file.size > MAX_FILE) {
        throw new RangeError(`its ${file.size} bytes are more than ${MAX_FILE}`);
      }
      return await file.arrayBuffer().catch(() => {
        throw new Error("it is a folder, or it has changed since it was picked");
      });
    });
  }

  /**
   * Has an X-ray take the place of the one before, of which nothing stays: whatever becomes of
   * this one, no picture of another is shown or grounded under its name.
   */
  async #choose(
    file: string,
    read: () => Promise<ArrayBuffer>,
    isExample = false,
  ): Promise<void> {
    const name = printable(file, MAX_NAME);
    const ended = this.#isRunning ? this.#chosen?.name : undefined;
    this.#cancel();
    // What that run still says is of no run any more.
    this.#run++;
    [this.#isRunning, this.#before] = [false, undefined];
    this.#clear();
    const chosen: Chosen = { id: ++this.#choices, file, name, isExample, ended };
    this.#chosen = chosen;
    part("progress", HTMLProgressElement).value = 0;
    say(endOf(chosen));
    this.#status(`Reading ${name} …`);
    this.#enable();
    try {
      const bytes = await read();
      // A slow one does not take the place of one that was chosen later.
      if (this.#chosen !== chosen) return;
      this.#engine.ask({ kind: "image", image: chosen.id, name, bytes });
    } catch (error) {
      if (this.#chosen === chosen) {
        this.#refuse(`Cannot read "${name}": ${(error as Error).message}`);
      }
    }
  }

  /** Shows nothing of any X-ray. */
  #clear(): void {
    this.#gallery.clear();
    this.#explorer.clear();
  }

  /** Says why the X-ray that was chosen is not open. */
  #refuse(message: string): void {
    const { name, ...chosen } = this.#chosen!;
    this.#chosen = undefined;
    this.#clear();
    const whole = message.includes(name) ? message : `${name}: ${message}`;
    say([`${whole}; no X-ray is open`, endOf(chosen)].filter(Boolean).join(". "));
    this.#status("");
    this.#enable();
  }

  /** The phrases that are typed, if they can be grounded now. */
  #phrases(): { image: NonNullable<Chosen["image"]>; phrases: string[] } | undefined {
    const isReading = this.#chosen !== undefined && !this.#chosen.image;
    if (this.#isRunning || isReading || !this.#model) return undefined;
    const image = this.#chosen?.image;
    const lines = part("phrases", HTMLTextAreaElement).value.split("\n");
    const phrases = lines.map((line) => line.trim()).filter((line) => line !== "");
    const missing = !image
      ? "Pick an X-ray first"
      : phrases.length === 0
      ? "Type a phrase first, such as: left pleural effusion"
      : phrases.length > MAX_PHRASES
      ? `Cannot ground ${phrases.length} phrases at a time: expected at most ${MAX_PHRASES}`
      : undefined;
    say(missing);
    return image && missing === undefined ? { image, phrases } : undefined;
  }

  #start(): void {
    const asked = this.#phrases();
    if (!asked) return;
    const { image, phrases } = asked;
    const settings = this.#explorer.settings();
    if (settings.layers.length === 0) return say("Choose a layer first");
    if (![settings.steps, ...settings.select].every(Number.isInteger)) {
      return say("Type how many steps the trajectory has, and a first and a last one to read");
    }
    this.#before = this.#made;
    this.#show(phrases.map((phrase) => ({ ...this.#blank(image, phrase), phrase })));
    this.#begin();
    this.#engine.ask({
      ...{ kind: "ground", run: this.#run, image: image.image },
      ...{ phrases, settings },
    });
  }

  #explore(): void {
    const { image, phrases: [phrase] = [] } = this.#phrases() ?? {};
    if (!image || phrase === undefined) return;
    const settings = this.#explorer.trajectory();
    if (!Number.isInteger(settings.steps)) return say("Type how many steps the trajectory has");
    this.#explored = phrase;
    this.#before = undefined;
    this.#begin();
    this.#engine.ask({
      ...{ kind: "explore", run: this.#run, image: image.image },
      ...{ phrase, columns: COLUMNS, settings },
    });
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
    if ("image" in reply && reply.image !== undefined && reply.image !== this.#chosen?.id) return;
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
        this.#chosen!.image = reply;
        this.#show([{ ...this.#blank(reply, this.#chosen!.name), facts: "no phrase yet" }]);
        this.#status(`${this.#chosen!.name}: ${pixelsOf(reply)}.`);
        if (this.#chosen!.isExample) this.#start();
        if (this.#isRunning) say(endOf(this.#chosen!));
        break;
      case "begun":
        if (this.#before) {
          const { shown, by } = this.#made;
          this.#show(shown.map((shown) => ({ ...shown, settings: reply.settings })), by);
        } else this.#exploredBy = reply.settings;
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
        const { phrase, layers, steps, total, notes: own } = reply;
        const isWhole = steps === total;
        const step = isWhole ? `${total} steps` : `step ${steps} of ${total}`;
        const facts = [step, ...own].join("; ");
        const notes = [
          ...own,
          ...notesOf(this.#made.by),
          ...(isWhole ? [] : [`Only ${steps} of ${total} steps are in this heatmap`]),
        ];
        const { shown } = this.#made;
        shown[phrase] = { ...shown[phrase]!, layers, facts, notes };
        this.#gallery.update(phrase, shown[phrase]!);
        break;
      }
      case "explored":
        this.#explorer.show(this.#explored, this.#chosen!.name, reply);
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
    if (request === "image") return this.#refuse(message);
    if (run !== undefined) {
      this.#isRunning = false;
      // What a run made before it failed stays; where that is nothing, so does what was there.
      const before = this.#before;
      if (before && !this.#made.shown.some(isAttended)) this.#show(before.shown, before.by);
    }
    if (request === "open") {
      this.#use(keepsModel ? this.#opened : undefined);
      if (keepsModel) this.#choice?.goBack();
    }
    if (request === "identify") this.#identity?.reject(new Error(message));
    say(message);
    this.#status("");
  }

  /** A picture without a heatmap. */
  #blank(
    { gray, crop }: NonNullable<Chosen["image"]>,
    title: string,
    settings: Partial<RunSettings> = {},
  ): Shown {
    const { width, height } = gray;
    const [image, notes] = [this.#chosen!.file, notesOf(this.#model)];
    const own = { title, image, gray, crop, settings, notes };
    const size = this.#model?.size ?? 1;
    return { ...own, facts: "", original: { width, height }, size, isGrid: false, boxes: [] };
  }

  #show(shown: Shown[], by = this.#model): void {
    this.#made = { shown, by };
    this.#gallery.show(shown, () => this.#record(by));
  }

  /**
   * What heatmaps are made with, the model named by its hash.
   *
   * @throws {Error} If its weights cannot be read any more.
   */
  async #record(model: OpenedModel | undefined): Promise<ResultRecord> {
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
    const versions = { groundray: this.#version, ...model.versions };
    return { model: { path: model.path, sha256: await hash }, versions };
  }

  /** Says which X-ray is open, and lets only be pressed what can be done. */
  #enable(): void {
    const { name, image } = this.#chosen ?? {};
    part("xray", HTMLElement).textContent = image
      ? `X-ray: ${name}, ${pixelsOf(image)}`
      : name !== undefined
      ? `Reading ${name} …`
      : "No X-ray is open.";
    const isReady = image !== undefined && !this.#isRunning && this.#model !== undefined;
    for (const id of ["run", "explore"]) part(id, HTMLButtonElement).disabled = !isReady;
    for (const button of part("examples", HTMLElement).querySelectorAll("button")) {
      button.disabled = this.#model === undefined;
    }
    part("cancel", HTMLButtonElement).disabled = !this.#isRunning;
  }

  /** Says what happens; what changes all the time is not to be read aloud each time. */
  #status(text: string, isPassing = false): void {
    const status = part("status", HTMLElement);
    status.ariaBusy = String(isPassing);
    status.textContent = text;
  }
}
