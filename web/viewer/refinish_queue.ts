import { openGpu } from "../../shaders/device.ts";
import type { ServerFacts } from "../review_api.ts";
import type { GpuFinisher } from "./finish_gpu.ts";
import { type Attended, cut, type Finished, type Look, smooth, type Smoothed } from "./shown.ts";

/** A picture's wish for a finished heatmap of a phrase, which `take` gets. */
export interface Wish {
  readonly phrase: Attended;
  readonly look: Pick<Look, "sigma" | "threshold">;
  readonly take: (finished: Finished) => void;
}

const ON_PROCESSOR = "Heatmaps are finished on the processor";

/** Milliseconds of work after which other tasks of the page get a turn. */
const TURN = 12;

/**
 * Finishes the heatmaps that pictures wish for. Only the newest wish of each picture counts, so
 * wishes do not pile up while a slider moves.
 */
export class RefinishQueue {
  readonly #onPlace: (sentence: string) => void;
  readonly #onError: (error: Error) => void;
  readonly #isAnyGpu: boolean;
  readonly #Finisher: typeof GpuFinisher | undefined;
  readonly #wishes = new Map<object, Wish>();
  /** Smoothed heatmaps by their layers: another threshold needs only a new cut. */
  readonly #known = new WeakMap<Attended["layers"], Smoothed>();
  /** The GPU's finisher; `undefined` if the processor finishes heatmaps. */
  #gpu: GpuFinisher | undefined;
  #opening: Promise<void> | undefined;
  #isBusy = false;

  /**
   * @param onPlace Called with a sentence that names the device, also when the device changes.
   * @param onError Called with the error if a heatmap cannot be finished.
   * @param Finisher Finishes heatmaps on a GPU. A report leaves it out, and so its script has no
   * shaders; the processor then finishes all.
   */
  constructor(
    device: ServerFacts["device"],
    onPlace: (sentence: string) => void,
    onError: (error: Error) => void,
    Finisher?: typeof GpuFinisher,
  ) {
    [this.#onPlace, this.#onError, this.#isAnyGpu] = [onPlace, onError, device === "gpu"];
    this.#Finisher = device === "cpu" ? undefined : Finisher;
  }

  /** Queues a picture's wish, in place of its older wish. */
  wish(picture: object, wish: Wish): void {
    this.#wishes.set(picture, wish);
    if (!this.#isBusy) this.#work();
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    await (this.#opening ??= this.#open());
    let turn = performance.now();
    while (this.#wishes.size > 0) {
      const batch = this.#takeBatch();
      if (this.#isForGpu(batch[0]!)) await this.#finishOnGpu(batch);
      for (const wish of batch) this.#grant(wish);
      if (performance.now() - turn < TURN) continue;
      await new Promise((resolve) => setTimeout(resolve));
      turn = performance.now();
    }
    this.#isBusy = false;
  }

  async #open(): Promise<void> {
    try {
      const gpu = this.#Finisher && await openGpu();
      if (gpu && (gpu.adapter.isHardware || this.#isAnyGpu)) {
        this.#gpu = new this.#Finisher!(gpu);
        return this.#onPlace(`Heatmaps are finished on ${this.#gpu.name}.`);
      }
      gpu?.destroy();
      this.#onPlace(`${ON_PROCESSOR}${this.#isAnyGpu ? ": there is no WebGPU" : ""}.`);
    } catch (error) {
      this.#onPlace(`${ON_PROCESSOR}: ${(error as Error).message}`);
    }
  }

  /** Takes the oldest wish, and all wishes that the GPU can finish in the same batch. */
  #takeBatch(): Wish[] {
    const [[picture, first]] = this.#wishes as unknown as [[object, Wish]];
    let batch = [[picture, first] as const];
    if (this.#isForGpu(first)) {
      const { kindOf, most } = this.#Finisher!;
      const kind = kindOf(first.phrase);
      batch = [...this.#wishes].filter(([, wish]) =>
        this.#isForGpu(wish) && wish.look.sigma === first.look.sigma &&
        kindOf(wish.phrase) === kind
      ).slice(0, most(first.phrase.size));
    }
    for (const [picture] of batch) this.#wishes.delete(picture);
    return batch.map(([, wish]) => wish);
  }

  #isForGpu(wish: Wish): boolean {
    return this.#gpu !== undefined && !wish.phrase.isGrid && !this.#knownFor(wish);
  }

  #knownFor({ phrase, look }: Wish): Smoothed | undefined {
    const known = this.#known.get(phrase.layers);
    return known?.sigma === look.sigma ? known : undefined;
  }

  /** Finishes a batch on the GPU up to the cut; after a failure the processor takes over. */
  async #finishOnGpu(batch: readonly Wish[]): Promise<void> {
    const gpu = this.#gpu!;
    try {
      const made = await gpu.smooth(batch.map(({ phrase }) => phrase), batch[0]!.look.sigma);
      batch.forEach(({ phrase }, i) => made[i] && this.#known.set(phrase.layers, made[i]));
    } catch (error) {
      this.#gpu = undefined;
      gpu.destroy();
      this.#onPlace(`${ON_PROCESSOR}: ${(error as Error).message}`);
    }
  }

  /** Completes a wish on the processor: the cut, and the earlier stages if the GPU did none. */
  #grant(wish: Wish): void {
    const { phrase, look, take } = wish;
    try {
      const made = this.#knownFor(wish) ?? smooth(phrase, look.sigma);
      this.#known.set(phrase.layers, made);
      take(cut(made, look.threshold, phrase));
    } catch (error) {
      this.#onError(error as Error);
    }
  }
}
