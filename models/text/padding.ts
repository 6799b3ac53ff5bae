import type { EncodedPhrase } from "../tokenizer.ts";

/**
 * Score of a token that attention must not see. The most negative float32 stands for -inf, as in
 * transformers, so that no runtime computes inf - inf.
 */
export const HIDDEN = -3.4028234663852886e38;

/** Values to add to the scores of each token: 0, or {@linkcode HIDDEN} for masked padding. */
export function paddingOf({ ids, length, masked = false }: EncodedPhrase): Float32Array {
  return Float32Array.from(ids, (_, i) => masked && i >= length ? HIDDEN : 0);
}
