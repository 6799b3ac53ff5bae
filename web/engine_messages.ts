/**
 * Requests of the page to the engine, and the engine's replies. They travel as messages of a
 * worker in the page, or over a socket to this machine.
 *
 * @module
 */

import type { AveragedLayer } from "../pipeline/postprocess.ts";
import type { CenterCrop, CropRegion, GrayImage } from "../base/geometry.ts";
import type { RuntimeName } from "../models/runtime/runtime.ts";
import type { ResultSettings } from "../reports/result_json.ts";

/** Maximum number of phrases in one request. */
export const MAX_PHRASES = 256;

/** Maximum number of characters of an image's name in a message. */
export const MAX_NAME = 300;

/** Close codes of a socket: `full` if too many pages are open, `wrong` for an invalid request. */
export const CLOSED = { full: 1013, wrong: 1008 } as const;

/** Device of the page's model; `auto` takes the GPU if that is hardware. */
export type EngineDevice = "auto" | "webgpu" | "wasm";

/** One file of a folder that the user picked. */
export interface PickedFile {
  /** Path with `/`, from the picked folder's name on. */
  readonly path: string;
  /** The file; the engine reads ranges of it on demand. */
  readonly file: File;
}

/** A model in folders that the user picked. */
export interface PickedModel {
  /**
   * Name of the method in the registry that the files belong to: `ldm`, `biovil` or `biovil-t`.
   *
   * @default {The method by the names of the files}
   */
  readonly method?: string;
  /** Files of the model's folder. */
  readonly files: readonly PickedFile[];
  /**
   * Files of the text encoder's folder. Only a model in the layout of diffusers lets it replace the
   * text encoder in the model's own folder.
   */
  readonly textEncoder?: readonly PickedFile[];
  /** Files of other parts' folders, for a model in the layout of diffusers. */
  readonly parts?: Readonly<Partial<Record<PickedPart, readonly PickedFile[]>>>;
}

/** Parts that a model in the layout of diffusers may have in folders of their own. */
export const PICKED_PARTS = ["unet", "vae", "tokenizer", "scheduler"] as const;

/** An entry of {@linkcode PICKED_PARTS}. */
export type PickedPart = typeof PICKED_PARTS[number];

/** Settings of a run; omitted settings take the model's defaults. */
export interface EngineSettings {
  /** Number of inversion steps T. */
  readonly steps?: number;
  /** Source of the noisy latents. */
  readonly noise?: "inversion" | "sample";
  /** Cross-attention layers to average, counted from 0. */
  readonly layers?: readonly number[];
  /** Steps to average the attention of: `start` included, `end` excluded. */
  readonly select?: readonly [start: number, end: number];
}

/** A request of the page. */
export type Request =
  /** Open the bundled model or a picked model, and close the earlier model. */
  | {
    readonly kind: "open";
    readonly model: "demo" | PickedModel;
    readonly device: EngineDevice;
  }
  /**
   * Decode an image; later runs ground in it. The request ends a run in an earlier image. If
   * decoding fails, no image is open.
   */
  | {
    readonly kind: "image";
    /** Id, unique within this engine; names may repeat. */
    readonly image: number;
    readonly name: string;
    readonly bytes: ArrayBuffer;
  }
  /** Ground phrases in the open image; one run at a time. */
  | {
    readonly kind: "ground";
    /** Id of the run; replies repeat it. */
    readonly run: number;
    /** Id of the image; the run fails if another image is open. */
    readonly image: number;
    readonly phrases: readonly string[];
    readonly settings: EngineSettings;
  }
  /** Read the attention of every layer in columns of steps, for the explorer. */
  | {
    readonly kind: "explore";
    readonly run: number;
    readonly image: number;
    readonly phrase: string;
    readonly settings: EngineSettings;
    /** Number of columns that divide the trajectory. */
    readonly columns: number;
  }
  /** Hash the open model's weights; slow, since it reads every byte. */
  | { readonly kind: "identify" }
  /** Cancel a run; an `ended` reply follows. */
  | { readonly kind: "cancel"; readonly run: number };

/** Settings by which a run reads attention, defaults filled in. */
export type RunSettings = Omit<ResultSettings, "select" | "sigma" | "otsu">;

/** Facts of an open model. */
export interface OpenedModel {
  /** Folder of the model, as the engine's host names it. */
  readonly path: string;
  /** Sentence that names the device and runtime, and the reason for them. */
  readonly place: string;
  readonly runtime: RuntimeName;
  /** Caution from the model's configuration, such as that it knows phantoms only. */
  readonly notice?: string;
  /** Method, its label and the part of an X-ray that it sees; absent for a diffusion model. */
  readonly baseline?: {
    readonly method: string;
    readonly label: string;
    readonly view: CenterCrop;
  };
  /** Side of a diffusion model's heatmaps in pixels. */
  readonly size?: number;
  /** Side of each cross-attention layer's maps in positions, in forward order. */
  readonly layerSides?: readonly number[];
  /** A diffusion model's default settings. */
  readonly defaults?: Required<EngineSettings>;
  /** Versions of the runtime and of Deno if used, and the GPU's name if used; for exports. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Mean attention of one phrase, over all its steps or the steps so far. */
export interface PhraseAttention {
  /** Position of the phrase in the request. */
  readonly phrase: number;
  /**
   * Mean of each chosen layer over the steps so far, at the layer's own size. A baseline has its
   * heatmap here, on its own grid.
   */
  readonly layers: readonly AveragedLayer[];
  /** Part of the image that a baseline's heatmap covers; absent for a diffusion model. */
  readonly crop?: CropRegion;
  /** Number of steps in the mean so far. */
  readonly steps: number;
  /** Number of steps in the final mean. */
  readonly total: number;
  /** Cautions about the phrase, such as that it was cut. */
  readonly notes: readonly string[];
}

/** Mean attention of one layer over one column of steps, each step scaled to 0..1. */
export interface ExploredCell extends AveragedLayer {
  /** Column, counted from 0. */
  readonly column: number;
}

/** A reply of the engine. */
export type Reply =
  /** Bytes of a model's files read so far. */
  | { readonly kind: "opening"; readonly bytes: number }
  | { readonly kind: "opened"; readonly model: OpenedModel }
  /** SHA-256 over the open model's weights, in hexadecimal. */
  | { readonly kind: "identified"; readonly sha256: string }
  | {
    readonly kind: "image";
    readonly image: number;
    readonly name: string;
    readonly gray: GrayImage;
    /** Square of the image that the model sees. */
    readonly crop: CropRegion;
  }
  /** A run has begun; a baseline has no settings. */
  | {
    readonly kind: "begun";
    readonly run: number;
    readonly image: number;
    readonly settings: Partial<RunSettings>;
  }
  /** Progress of a run: `done` and `total` in steps of the U-Net, for `explore` in percent. */
  | {
    readonly kind: "progress";
    readonly run: number;
    readonly part: "trajectory" | "phrase";
    readonly done: number;
    readonly total: number;
    /** Estimated seconds until the run ends; absent for `explore`. */
    readonly secondsLeft?: number;
  }
  /** Running mean of a phrase, sent every few steps and at the phrase's end. */
  | ({
    readonly kind: "attention";
    readonly run: number;
    readonly image: number;
  } & PhraseAttention)
  | {
    readonly kind: "explored";
    readonly run: number;
    readonly image: number;
    /** First step of each column, and one past its last step. */
    readonly columns: readonly (readonly [start: number, end: number])[];
    readonly cells: readonly ExploredCell[];
  }
  /** A run is over. */
  | { readonly kind: "ended"; readonly run: number; readonly how: "done" | "cancelled" }
  /** A request failed; a failed run is over. `message` is a sentence for the user. */
  | {
    readonly kind: "failed";
    readonly request: Request["kind"];
    readonly run?: number;
    /** Id of the image that the request names. */
    readonly image?: number;
    /** Set if opening a model failed and the earlier model is still open. */
    readonly keepsModel?: true;
    readonly message: string;
  };

/** Makes the `failed` reply to a request, with the ids of its run and image. */
export function failureOf(request: Request, message: string): Reply {
  const run = "run" in request ? { run: request.run } : {};
  const image = "image" in request ? { image: request.image } : {};
  return { kind: "failed", request: request.kind, ...run, ...image, message };
}

/** Carries out requests of a page, in the page itself or on this machine. */
export interface Engine {
  /** Accepts a request; replies come through {@linkcode Engine.onReply}. */
  ask(request: Request): void;
  /** Called with each reply, in order. */
  onReply: (reply: Reply) => void;
  /** Ends the engine and frees its memory. */
  close(): void;
}
