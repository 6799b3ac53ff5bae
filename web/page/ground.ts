import {
  type Engine,
  type EngineSettings,
  MAX_NAME,
  MAX_PHRASES,
  type OpenedModel,
  type Reply,
  type RunSettings,
} from "../engine_messages.ts";
import type { Box } from "../../base/geometry.ts";
import { printable } from "../../base/text.ts";
import { type DicomReference, readReference } from "../../images/dicom/reference.ts";
import type { ResultRecord } from "../../reports/result_json.ts";
import type { ServerFacts } from "../review_api.ts";
import { COLUMNS, Explorer, SETTINGS } from "./explorer.ts";
import type { Gallery } from "./gallery.ts";
import { ModelChoice, type OnModel } from "./model_choice.ts";
import { input, makeButton, onClick, part, say, show, write } from "./parts_of_page.ts";
import { ReportText } from "./report_text.ts";
import { forget, keep, keepFile, recall, recallFile } from "../viewer/kept.ts";
import { isAttended, type Shown } from "../viewer/shown.ts";
import { type Example, verdictOn } from "./examples.ts";

/** Maximum bytes of an X-ray's file, so that a socket's message stays below 64 MiB. */
const MAX_FILE = 2 ** 26 - 2 ** 12;

/** Device of the page's model, by the device in the server's facts. */
const DEVICES = { auto: "auto", gpu: "webgpu", cpu: "wasm" } as const;

/** Keys of the form's text, of its kind, and of the display settings in the browser. */
const [PHRASES, REPORT, LOOK] = ["phrases", "is-report", "look"];

/** The text of phrases or of a report. */
const text = () => part("phrases", HTMLTextAreaElement);

/** The chosen X-ray; open as soon as its pixels are read. */
interface Chosen {
  /** Number of the choice; replies to earlier choices carry other numbers. */
  readonly id: number;
  readonly file: string;
  /** Printable form of the file's name. */
  readonly name: string;
  /** The example whose phrases are grounded as soon as it is open. */
  readonly example: Example | undefined;
  /** The DICOM file's identity and size of pixels; absent for other files. */
  reference?: DicomReference;
  /** Sentence about the run that this choice ended; `undefined` if there was no run. */
  readonly ended: string | undefined;
  /** The engine's reply with the pixels. */
  image?: Extract<Reply, { kind: "image" }>;
}

/** Pictures with the model of their heatmaps. */
interface Made {
  readonly shown: Shown[];
  readonly by: OpenedModel | undefined;
}

/** Lists the cautions that apply to every heatmap of a model. */
const notesOf = ({ notice }: Partial<OpenedModel> = {}) => notice ? [notice] : [];

/** Sends the user's requests to an engine, and shows its replies. */
export class Grounding {
  readonly #engine: Engine;
  readonly #gallery: Gallery;
  readonly #version: string;
  readonly #explorer: Explorer;
  readonly #choice: ModelChoice | undefined;
  readonly #text = new ReportText((index) => this.#gallery.showOnly(index));
  #model: OpenedModel | undefined;
  /** The last opened model; the page returns to it if the next model does not load. */
  #opened: OpenedModel | undefined;
  /** Number of models that the engine still has to open. */
  #opening = 0;
  /** The newest chosen X-ray; `undefined` if it could not be read. */
  #chosen: Chosen | undefined;
  #choices = 0;
  #made: Made = { shown: [], by: undefined };
  /** Pictures from before the current run; a run without heatmaps restores them if it fails. */
  #before: Made | undefined;
  #run = 0;
  /** Phrase of the explorer's maps; the field below holds their settings. */
  #explored = "";
  #exploredBy: Partial<RunSettings> = {};
  #isRunning = false;
  /** SHA-256 of each model's weights, computed at the first export. */
  readonly #hashes = new WeakMap<OpenedModel, Promise<string>>();
  /** Pending SHA-256 of the open model's weights. */
  #identity: PromiseWithResolvers<string> | undefined;

  /**
   * Opens the model, and listens to the page's controls. Each example gets a button. If the page
   * runs the model, by the server's facts, the user may choose another.
   */
  constructor(engine: Engine, gallery: Gallery, examples: readonly Example[], facts: ServerFacts) {
    const { on, device, version } = facts;
    [this.#engine, this.#gallery, this.#version] = [engine, gallery, version];
    this.#explorer = new Explorer((title, cell, select) => {
      const image = this.#chosen?.image;
      // During a run the pictures belong to the run's phrases.
      if (this.#isRunning || !this.#model || !image) return;
      const [start, end] = select;
      const settings = { ...this.#exploredBy, layers: [cell.layer], start, end };
      const phrase = this.#explored;
      this.#text.show([]);
      this.#show([{ ...this.#blank(image, title, settings), phrase, layers: [cell] }]);
    });
    engine.onReply = (reply) => this.#take(reply);
    for (const id of ["ground", "ground-head", "ground-settings"]) show(id);
    this.#listen();
    const buttons = examples.map((example) =>
      makeButton(example.title, () => {
        this.#type(example.phrases.join("\n"), false);
        this.#choose(example.name, example.bytes, example);
      })
    );
    part("examples", HTMLElement).append("Examples, drawn by this program:", ...buttons);
    this.#recall();
    if (on === "page") this.#choice = new ModelChoice(DEVICES[device], this.#open);
    else this.#open("demo", "auto");
  }

  /** Takes X-ray, phrases and display settings from before a reload. */
  async #recall(): Promise<void> {
    this.#type(recall("localStorage", PHRASES) ?? "", recall("localStorage", REPORT) === "true");
    const look = recall("localStorage", LOOK);
    if (look) this.#gallery.controls.restore(JSON.parse(look));
    this.#gallery.onChange = ({ controls }) => keep("localStorage", LOOK, JSON.stringify(controls));
    const before = this.#choices;
    const kept = await recallFile();
    // The user may have chosen an X-ray meanwhile.
    if (kept && this.#choices === before) {
      await this.#choose(kept.name, () => kept.file.arrayBuffer());
    }
  }

  async #forget(): Promise<void> {
    await keepFile(undefined);
    for (const key of [PHRASES, REPORT, LOOK, SETTINGS]) forget("localStorage", key);
    location.reload();
  }

  /** Sets the form to phrases or to a report, and keeps it. */
  #type(words = text().value, isReport = input("is-report").checked): void {
    // Writing the same text would move the cursor.
    if (text().value !== words) text().value = words;
    input("is-report").checked = isReport;
    keep("localStorage", PHRASES, words);
    keep("localStorage", REPORT, String(isReport));
  }

  /** Shows or folds the form. */
  #fold(isFolded: boolean): void {
    show("form", !isFolded);
    part("fold", HTMLButtonElement).ariaExpanded = String(!isFolded);
  }

  readonly #open: OnModel = (model, device) => {
    this.#cancel();
    say(undefined);
    this.#model = undefined;
    this.#opening++;
    this.#engine.ask({ kind: "open", model, device });
    for (const id of ["place", "notice"]) write(id, "");
    this.#status("Opening the model …");
    this.#enable();
  };

  #listen(): void {
    for (const file of [input("file"), input("report-file")]) {
      file.addEventListener("change", () => {
        this.#read(file.files);
        // Clear the input, so that picking the same file again fires an event.
        file.value = "";
      });
    }
    const drop = part("drop", HTMLElement);
    document.addEventListener("dragover", (event) => {
      if (event.dataTransfer?.types.includes("Files")) drop.classList.add("over");
    });
    document.addEventListener("dragleave", () => drop.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      drop.classList.remove("over");
      this.#read(event.dataTransfer?.files);
    });
    document.addEventListener("paste", ({ clipboardData }) => {
      // A word processor adds a picture of the copied text.
      if (!clipboardData?.types.includes("text/plain")) this.#read(clipboardData?.files);
    });
    for (const element of [text(), input("is-report")]) {
      element.addEventListener("input", () => this.#type());
    }
    text().addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#start();
    });
    onClick("open-xray", () => input("file").click());
    onClick("fold", () => {
      const isFolded = part("form", HTMLElement).hidden;
      this.#fold(!isFolded);
      if (isFolded) text().focus();
    });
    onClick("forget", () => this.#forget());
    onClick("run", () => this.#start());
    onClick("explore", () => this.#explore());
    onClick("cancel", () => this.#cancel());
    document.addEventListener("keydown", (event) => {
      // Escape closes an open dialog first.
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) this.#cancel();
    });
  }

  #read(files: FileList | null | undefined): void {
    const [file, ...others] = files ?? [];
    if (!file) return;
    if (others.length > 0) {
      const still = this.#chosen ? `; ${this.#chosen.name} stays` : "";
      return say(`Cannot read ${others.length + 1} files: pick one X-ray at a time${still}`);
    }
    if (/\.txt$/i.test(file.name)) {
      this.#fold(false);
      file.text().then((words) => this.#type(words, true), ({ message }) => say(message));
      return;
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
   * Replaces the X-ray and removes everything of the X-ray before. Even if reading fails, the page
   * never shows or grounds another X-ray under the new name.
   */
  async #choose(file: string, read: () => Promise<ArrayBuffer>, example?: Example) {
    const name = printable(file, MAX_NAME);
    const ended = this.#isRunning
      ? `The run in ${this.#chosen!.name} was cancelled, since another X-ray was chosen.`
      : undefined;
    this.#cancel();
    // A new run number makes the page ignore later replies of the ended run.
    this.#run++;
    [this.#isRunning, this.#before] = [false, undefined];
    this.#clear();
    const chosen: Chosen = { id: ++this.#choices, file, name, example, ended };
    this.#chosen = chosen;
    part("progress", HTMLProgressElement).value = 0;
    this.#fold(example !== undefined);
    say(ended);
    this.#status(`Reading ${name} …`);
    this.#enable();
    try {
      const bytes = await read();
      // Drop a slow file if the user has chosen another X-ray since.
      if (this.#chosen !== chosen) return;
      // A copy, since the engine takes the bytes.
      const copy = new Blob([bytes]);
      const reference = await referenceOf(new Uint8Array(bytes), name);
      if (this.#chosen !== chosen) return;
      if (reference) chosen.reference = reference;
      keepFile({ name: file, file: copy });
      this.#engine.ask({ kind: "image", image: chosen.id, name, bytes });
    } catch (error) {
      if (this.#chosen === chosen) {
        this.#refuse(`Cannot read "${name}": ${(error as Error).message}`);
      }
    }
  }

  /** Removes all pictures and maps. */
  #clear(): void {
    this.#text.show([]);
    this.#gallery.clear();
    this.#explorer.clear();
  }

  /** Gives up the chosen X-ray, and shows the reason. */
  #refuse(message: string): void {
    const { name, ended } = this.#chosen!;
    this.#chosen = undefined;
    this.#clear();
    this.#fold(false);
    keepFile(undefined);
    const whole = message.includes(name) ? message : `${name}: ${message}`;
    say([`${whole}; no X-ray is open`, ended].filter(Boolean).join(". "));
    this.#status("");
    this.#enable();
  }

  /** Gives the open X-ray and the typed phrases; `undefined` if no run can start now. */
  #phrases() {
    const image = this.#chosen?.image;
    const isReading = this.#chosen && !image;
    if (this.#isRunning || isReading || !this.#model) return undefined;
    const sentences = this.#text.read()?.map(({ sentence }) => sentence);
    const lines = sentences ?? text().value.split("\n");
    const phrases = lines.map((line) => line.trim()).filter((line) => line !== "");
    const [first] = phrases;
    say(undefined);
    if (!image) say("Pick an X-ray first");
    else if (first === undefined) say("Type a phrase first, such as: left pleural effusion");
    else if (phrases.length > MAX_PHRASES) {
      say(`Cannot ground ${phrases.length} phrases at a time: expected at most ${MAX_PHRASES}`);
    } else return { image, phrases, first };
  }

  #start(): void {
    const asked = this.#phrases();
    if (!asked) return;
    const { image, phrases } = asked;
    const settings: EngineSettings = this.#model?.defaults ? this.#explorer.settings() : {};
    if (settings.layers?.length === 0) return say("Choose a layer first");
    const [start = 0, end = 1] = settings.select ?? [];
    if (![settings.steps ?? 1, start, end].every(Number.isInteger)) {
      return say("Type how many steps the trajectory has, and the first and the last step to read");
    }
    if (start >= end) return say("Type a last step that is not before the first step");
    this.#before = this.#made;
    this.#show(phrases.map((phrase) => this.#blank(image, phrase)));
    this.#text.show(this.#text.read() ?? []);
    // The form folds: its keyboard goes to the pictures.
    if (part("form", HTMLElement).contains(document.activeElement)) {
      document.querySelector<HTMLElement>("#viewers canvas")!.focus({ preventScroll: true });
    }
    this.#begin();
    this.#engine.ask({ kind: "ground", run: this.#run, image: image.image, phrases, settings });
  }

  #explore(): void {
    const { image, first: phrase } = this.#phrases() ?? {};
    if (!image || !phrase) return;
    const settings = this.#explorer.trajectory();
    if (!Number.isInteger(settings.steps)) return say("Type how many steps the trajectory has");
    this.#explored = phrase;
    this.#before = undefined;
    this.#begin();
    const asked = { image: image.image, phrase, columns: COLUMNS, settings };
    this.#engine.ask({ kind: "explore", run: this.#run, ...asked });
  }

  #begin(): void {
    this.#fold(true);
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
        // A run may not start with the layers of a model that another model is about to replace.
        this.#explorer.open(reply.model);
        if (this.#isOpeningOther()) {
          this.#opened = reply.model;
          break;
        }
        this.#choice?.settle();
        this.#use(reply.model);
        this.#status("Ready.");
        break;
      case "image":
        this.#chosen!.image = reply;
        this.#show([this.#blank(reply, "No phrase yet")]);
        this.#status(this.#model ? "Ready." : "Opening the model …");
        if (this.#chosen!.example) this.#start();
        if (this.#isRunning) say(this.#chosen!.ended);
        break;
      case "begun":
        if (this.#before) {
          const { shown, by } = this.#made;
          this.#show(shown.map((shown) => ({ ...shown, settings: reply.settings })), by);
        } else this.#exploredBy = reply.settings;
        break;
      case "progress": {
        const { part: kind, done, total, secondsLeft = 0 } = reply;
        Object.assign(part("progress", HTMLProgressElement), { max: total, value: done });
        const what = kind === "trajectory" ? "the X-ray's trajectory" : "the phrases";
        const share = Math.floor(100 * done / total);
        this.#status(`Working: ${share} %, ${Math.ceil(secondsLeft)} s left.`, true);
        write("passes", `Pass ${done} of ${total}, ${what}.`);
        break;
      }
      case "attention": {
        const { phrase, layers, crop, steps, total, notes: own } = reply;
        const { shown, by } = this.#made;
        const isWhole = steps === total;
        const step = by?.baseline?.label ??
          (isWhole ? "finished" : `forming, ${Math.floor(100 * steps / total)} %`);
        const marks = this.#text.marks(phrase);
        const notes = [
          ...own,
          ...marks.map((mark) => `The sentence ${mark}`),
          ...notesOf(by),
          ...(isWhole ? [] : [`Only ${steps} of ${total} steps are in this heatmap`]),
        ];
        const made = { ...shown[phrase]!, layers, ...(crop && { crop }), notes };
        const verdict = isWhole && made.boxes.length > 0 ? [verdictOn(made)] : [];
        shown[phrase] = { ...made, facts: [step, ...own, ...marks, ...verdict].join("; ") };
        this.#gallery.update(phrase, shown[phrase]!);
        break;
      }
      case "explored":
        this.#explorer.show(this.#explored, this.#chosen!.name, reply);
        break;
      case "ended":
        this.#isRunning = false;
        // Without a model the status reports that another one is being opened: leave it.
        if (this.#model) this.#status(reply.how === "done" ? "Done." : "Cancelled.");
        break;
      case "failed":
        this.#fail(reply);
        break;
      case "identified":
        this.#identity?.resolve(reply.sha256);
    }
    this.#enable();
  }

  /** Counts the end of an opening, and tells if the user has chosen another model since. */
  #isOpeningOther(): boolean {
    this.#opening = Math.max(0, this.#opening - 1);
    return this.#opening > 0;
  }

  /** Makes a model the page's open model; `undefined` for none. */
  #use(model: OpenedModel | undefined): void {
    this.#model = this.#opened = model;
    write("place", model?.place ?? "");
    write("notice", model?.notice ?? "");
  }

  #fail({ request, run, keepsModel, message }: Extract<Reply, { kind: "failed" }>): void {
    if (request === "image") return this.#refuse(message);
    if (run !== undefined) {
      this.#isRunning = false;
      // Keep the heatmaps of a failed run. If it made none, restore the earlier pictures.
      const before = this.#before;
      if (before && !this.#made.shown.some(isAttended)) {
        this.#text.show([]);
        this.#show(before.shown, before.by);
      }
    }
    if (request === "open" && !this.#isOpeningOther()) {
      this.#use(keepsModel ? this.#opened : undefined);
      if (keepsModel) this.#choice?.goBack();
    }
    if (request === "identify") this.#identity?.reject(new Error(message));
    say(message);
    this.#status("");
  }

  /** Makes a picture without a heatmap. */
  #blank(
    { gray, crop }: NonNullable<Chosen["image"]>,
    title: string,
    settings: Partial<RunSettings> = {},
  ): Shown {
    const { width, height } = gray;
    const { file: image, reference, example } = this.#chosen!;
    const notes = notesOf(this.#model);
    const boxes: readonly Box[] = example?.boxes[example.phrases.indexOf(title)] ?? [];
    const { size = 1, baseline } = this.#model ?? {};
    const own = { title, image, gray, crop, settings, notes, boxes, size, facts: "" };
    const made = { ...own, original: { width, height }, isGrid: baseline !== undefined };
    return reference ? { ...made, reference } : made;
  }

  #show(shown: Shown[], by = this.#model): void {
    this.#made = { shown, by };
    const name = by && { model: by.path };
    this.#gallery.show(shown, { ...name, find: () => this.#record(by) });
  }

  /**
   * Finds the model, with its hash, and the versions that made heatmaps. Fails if the weights are
   * no longer readable, or if the model closed before its hash was known.
   */
  async #record(model: OpenedModel | undefined): Promise<ResultRecord> {
    if (!model) return {};
    let hash = this.#hashes.get(model);
    if (!hash) {
      if (model !== this.#model) {
        throw new Error(
          "Cannot name the model that made this heatmap, since the model is closed: press Show where again",
        );
      }
      this.#identity = Promise.withResolvers();
      hash = this.#identity.promise;
      this.#hashes.set(model, hash);
      hash.catch(() => this.#hashes.delete(model));
      this.#engine.ask({ kind: "identify" });
    }
    const { method, view } = model.baseline ?? {};
    return {
      ...(method && view && { method, view }),
      model: { path: model.path, sha256: await hash },
      versions: { groundray: this.#version, ...model.versions },
    };
  }

  /** Names the open X-ray, and disables the buttons that cannot act now. */
  #enable(): void {
    const { name, image } = this.#chosen ?? {};
    const { width, height } = image?.gray ?? {};
    const ofOpen = image ? `${name}, ${width} x ${height} pixels` : `Reading ${name} …`;
    write("xray", name === undefined ? "No X-ray is open." : ofOpen);
    const isReady = image !== undefined && !this.#isRunning && this.#model !== undefined;
    part("run", HTMLButtonElement).disabled = !isReady;
    part("explore", HTMLButtonElement).disabled = !isReady || !this.#model?.defaults;
    for (const button of part("examples", HTMLElement).querySelectorAll("button")) {
      button.disabled = this.#model === undefined;
    }
    for (const id of ["cancel", "progress"]) show(id, this.#isRunning);
  }

  /** Shows a status; screen readers stay silent on a passing one, such as each pass. */
  #status(text: string, isPassing = false): void {
    const status = part("status", HTMLElement);
    status.ariaBusy = String(isPassing);
    status.textContent = text;
  }
}

/** Reads the identity of a DICOM file; `undefined` for other files and broken ones. */
async function referenceOf(bytes: Uint8Array, name: string): Promise<DicomReference | undefined> {
  if (new TextDecoder("latin1").decode(bytes.subarray(128, 132)) !== "DICM") return undefined;
  // The engine reads the picture, and reports a broken file.
  return await readReference(bytes, name).catch(() => undefined);
}
