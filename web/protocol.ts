/**
 * What the page asks of the engine and what it answers, over a worker's messages in the
 * page or a socket to this machine.
 *
 * @module
 */

import type { AveragedLayer } from "../pipeline/postprocess.ts";
import type { CropRegion, GrayImage } from "../base/geometry.ts";
import type { ResultSettings } from "../reports/result_json.ts";

/** Most phrases that are grounded at a time. */
export const MAX_PHRASES = 256;

/** What a socket is closed with where there is a reason: no room, or what came is no request. */
export const CLOSED = { full: 1013, wrong: 1008 } as const;

/** Where the page's model runs. */
export type Place = "auto" | "webgpu" | "wasm";

/** A file of a model that the user picked. */
export interface PickedFile {
  /** Path from the picked folder on, its own name included, with `/`. */
  readonly path: string;
  /** The file, read in parts as it is needed. */
  readonly file: File;
}

/** A model of files that the user picked. */
export interface PickedModel {
  /** Its folder's files. */
  readonly files: readonly PickedFile[];
  /** Those of the text encoder's folder, where the model's has none. */
  readonly textEncoder?: readonly PickedFile[];
}

/** How to ground; what is left out is the model's own choice. */
export interface EngineSettings {
  /** Number of inversion steps T. */
  readonly steps?: number;
  /** Where noisy latents come from. */
  readonly noise?: "inversion" | "sample";
  /** Cross-attention layers, from 0. */
  readonly layers?: readonly number[];
  /** Steps whose attention is averaged, half-open. */
  readonly select?: readonly [start: number, end: number];
}

/** What the page asks. */
export type Request =
  /** Open a model, the bundled one or one of picked files; closes an earlier one. */
  | {
    readonly kind: "open";
    readonly model: "demo" | PickedModel;
    readonly place: Place;
  }
  /**
   * Decode an image, the one to ground in from now on. It ends a run in an earlier one; if it
   * cannot be read there is none.
   */
  | {
    readonly kind: "image";
    /** Tells it from all others of this engine, whatever they are called. */
    readonly image: number;
    readonly name: string;
    readonly bytes: ArrayBuffer;
  }
  /** Ground phrases in it, one after another; one run at a time. */
  | {
    readonly kind: "ground";
    /** Names the run in what comes back. */
    readonly run: number;
    /** The image to ground in; the run fails where another is open. */
    readonly image: number;
    readonly phrases: readonly string[];
    readonly settings: EngineSettings;
  }
  /** Read the attention of every layer, in columns of steps, for the explorer. */
  | {
    readonly kind: "explore";
    readonly run: number;
    readonly image: number;
    readonly phrase: string;
    readonly settings: EngineSettings;
    /** How many columns the trajectory is cut into. */
    readonly columns: number;
  }
  /** Hash the open model's weights, which reads every byte of them. */
  | { readonly kind: "identify" }
  /** End a run; its `ended` follows. */
  | { readonly kind: "cancel"; readonly run: number };

/** How a run reads attention, every choice made. */
export type RunSettings = Omit<ResultSettings, "select" | "sigma" | "otsu">;

/** A model that is open. */
export interface OpenedModel {
  /** The folder that it was loaded from, as its reader calls it. */
  readonly path: string;
  /** What runs it and why, a sentence. */
  readonly place: string;
  /** Which one that is. */
  readonly runtime: "webgpu" | "wasm" | "native";
  /** What to know of the model, such as that it knows phantoms only. */
  readonly notice?: string;
  /** Side of its heatmaps in pixels. */
  readonly size: number;
  /** Side of each cross-attention layer's maps, in forward order. */
  readonly layerSides: readonly number[];
  /** What it does where nothing is chosen. */
  readonly defaults: Required<EngineSettings>;
  /** Versions of what runs it, and the GPU where there is one, for exports. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Mean attention of a phrase, whole or so far. */
export interface PhraseAttention {
  /** Position of the phrase in the request. */
  readonly phrase: number;
  /** Mean over the steps so far of each chosen layer, before it is resized. */
  readonly layers: readonly AveragedLayer[];
  /** Steps that are in the mean. */
  readonly steps: number;
  /** Steps that will be. */
  readonly total: number;
  /** What is to be known of the phrase, such as that it was cut. */
  readonly notes: readonly string[];
}

/** Mean attention of one layer over one column of steps, scaled to 0..1 step by step. */
export interface ExploredCell extends AveragedLayer {
  /** Column, from 0. */
  readonly column: number;
}

/** What the engine answers. */
export type Reply =
  /** How many bytes of a model are read so far. */
  | { readonly kind: "opening"; readonly bytes: number }
  | { readonly kind: "opened"; readonly model: OpenedModel }
  /** SHA-256 over the open model's weights, in hexadecimal. */
  | { readonly kind: "identified"; readonly sha256: string }
  | {
    readonly kind: "image";
    readonly image: number;
    readonly name: string;
    readonly gray: GrayImage;
    /** What the model sees of it. */
    readonly crop: CropRegion;
  }
  /** A run begins. */
  | {
    readonly kind: "begun";
    readonly run: number;
    readonly image: number;
    readonly settings: RunSettings;
  }
  /** How far a run is, in passes of the U-Net. */
  | {
    readonly kind: "progress";
    readonly run: number;
    readonly part: "trajectory" | "phrase";
    readonly done: number;
    readonly total: number;
    /** Seconds to its end, once there is a rate. */
    readonly secondsLeft?: number;
  }
  /** The running mean of a phrase, every few steps and at its end. */
  | ({
    readonly kind: "attention";
    readonly run: number;
    readonly image: number;
  } & PhraseAttention)
  | {
    readonly kind: "explored";
    readonly run: number;
    readonly image: number;
    /** First step of each column and one past its last. */
    readonly columns: readonly (readonly [start: number, end: number])[];
    readonly cells: readonly ExploredCell[];
  }
  /** A run is over. */
  | { readonly kind: "ended"; readonly run: number; readonly how: "done" | "cancelled" }
  /** Worth knowing, such as that a GPU was lost. */
  | { readonly kind: "notice"; readonly message: string }
  /** A request failed, in a sentence to show; a run is over with it. */
  | {
    readonly kind: "failed";
    readonly request: Request["kind"];
    readonly run?: number;
    /** The image that it was to read, or to ground in. */
    readonly image?: number;
    /** Whether the model that was open before one that was to be opened still is. */
    readonly keepsModel?: true;
    readonly message: string;
  };

/** That a request failed, and with it a run that it was of. */
export function failureOf(request: Request, message: string): Reply {
  const run = "run" in request ? { run: request.run } : {};
  const image = "image" in request ? { image: request.image } : {};
  return { kind: "failed", request: request.kind, ...run, ...image, message };
}

/** Something that takes requests and answers, in the page or on this machine. */
export interface Engine {
  /** Takes a request. */
  ask(request: Request): void;
  /** Called with each answer, in order. */
  onReply: (reply: Reply) => void;
  /** Ends it and gives its memory back. */
  close(): void;
}
