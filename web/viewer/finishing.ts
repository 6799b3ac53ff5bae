/**
 * Finishes heatmaps for pictures, where it is fastest and no more often than they are seen.
 *
 * @module
 */

import { openGpu } from "../../shaders/device.ts";
import type { ServerFacts } from "../results.ts";
import { GpuFinisher } from "./finish_gpu.ts";
import { type Attended, cut, type Finished, type Look, type Uncut, uncut } from "./shown.ts";

/** How a heatmap is to be finished, and who waits for it. */
interface Wish {
  readonly phrase: Attended;
  readonly look: Pick<Look, "sigma" | "threshold">;
  readonly take: (finished: Finished) => void;
}

const ON_PROCESSOR = "Heatmaps are finished on the processor";

/** Milliseconds of work on the processor after which the page gets its turn. */
const TURN = 12;

/**
 * Finishes what pictures wish for. Of each picture only the newest wish counts, so that
 * nothing piles up while a slider moves.
 */
export class Finishing {
  readonly #device: ServerFacts["device"];
  readonly #onPlace: (sentence: string) => void;
  readonly #onError: (error: Error) => void;
  readonly #wishes = new Map<object, Wish>();
  /** What is known already, for as long as its layers are; a threshold takes no more. */
  readonly #known = new WeakMap<Attended["layers"], Uncut>();
  /** `undefined` where the processor does it. */
  #gpu: GpuFinisher | undefined;
  #opening: Promise<void> | undefined;
  #isBusy = false;

  /**
   * @param device The page's GPU where it is hardware, the GPU whatever it is, or the processor.
   * @param onPlace Told in a sentence which does it.
   * @param onError Told why a heatmap cannot be finished.
   */
  constructor(
    device: ServerFacts["device"],
    onPlace: (sentence: string) => void,
    onError: (error: Error) => void,
  ) {
    [this.#device, this.#onPlace, this.#onError] = [device, onPlace, onError];
  }

  /**
   * Finishes a heatmap soon.
   *
   * @param picture Whose older wish this takes the place of.
   * @param take Told when it is done.
   */
  wish(
    picture: object,
    phrase: Attended,
    look: Pick<Look, "sigma" | "threshold">,
    take: (finished: Finished) => void,
  ): void {
    this.#wishes.set(picture, { phrase, look, take });
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
      const gpu = this.#device === "cpu" ? undefined : await openGpu();
      if (gpu && (gpu.adapter.isHardware || this.#device === "gpu")) {
        this.#gpu = new GpuFinisher(gpu);
        return this.#onPlace(`Heatmaps are finished on ${this.#gpu.name}.`);
      }
      gpu?.destroy();
      this.#onPlace(`${ON_PROCESSOR}${this.#device === "gpu" ? ": there is no WebGPU" : ""}.`);
    } catch (error) {
      this.#onPlace(`${ON_PROCESSOR}: ${(error as Error).message}`);
    }
  }

  /** The oldest wish, and those that the GPU can grant with it. */
  #takeBatch(): Wish[] {
    const [[picture, first]] = this.#wishes as unknown as [[object, Wish]];
    let batch = [[picture, first] as const];
    if (this.#isForGpu(first)) {
      const kind = GpuFinisher.kindOf(first.phrase);
      batch = [...this.#wishes].filter(([, wish]) =>
        this.#isForGpu(wish) && wish.look.sigma === first.look.sigma &&
        GpuFinisher.kindOf(wish.phrase) === kind
      ).slice(0, GpuFinisher.most(first.phrase.size));
    }
    for (const [picture] of batch) this.#wishes.delete(picture);
    return batch.map(([, wish]) => wish);
  }

  #isForGpu(wish: Wish): boolean {
    return this.#gpu !== undefined && !wish.phrase.isGrid && !this.#knownFor(wish);
  }

  #knownFor({ phrase, look }: Wish): Uncut | undefined {
    const known = this.#known.get(phrase.layers);
    return known?.sigma === look.sigma ? known : undefined;
  }

  /** Has the GPU do all but the cut; where it fails, it is not asked again. */
  async #finishOnGpu(batch: readonly Wish[]): Promise<void> {
    const gpu = this.#gpu!;
    try {
      const made = await gpu.uncut(batch.map(({ phrase }) => phrase), batch[0]!.look.sigma);
      batch.forEach(({ phrase }, i) => made[i] && this.#known.set(phrase.layers, made[i]));
    } catch (error) {
      this.#gpu = undefined;
      gpu.destroy();
      this.#onPlace(`${ON_PROCESSOR}: ${(error as Error).message}`);
    }
  }

  /** Does on the processor what is left to do. */
  #grant(wish: Wish): void {
    const { phrase, look, take } = wish;
    try {
      const made = this.#knownFor(wish) ?? uncut(phrase, look.sigma);
      this.#known.set(phrase.layers, made);
      take(cut(made, look.threshold, phrase.crop));
    } catch (error) {
      this.#onError(error as Error);
    }
  }
}
