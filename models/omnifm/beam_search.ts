/**
 * fairseq's beam search for one sequence.
 *
 * @module
 */

import { InputRangeError } from "../../base/errors.ts";

/** Dictionary ids that fairseq fixes: start, padding, end and unknown. */
export const [START, PADDING, END, UNKNOWN] = [0, 1, 2, 3] as const;

/** Rules of {@linkcode searchBeams}. */
export interface BeamOptions {
  /** Number of sequences to follow at once, and most finished sequences. */
  readonly beams: number;
  /** Fewest tokens before the end token. */
  readonly minTokens: number;
  /** Most tokens before the end token. */
  readonly maxTokens: number;
  /**
   * Length of a run of tokens that may not occur twice, the start token included.
   *
   * @default {Any run may occur again}
   */
  readonly noRepeat?: number;
  /**
   * Exponent of the length that divides a score; above 1 prefers longer sequences.
   *
   * @default {1}
   */
  readonly lengthPenalty?: number;
  /**
   * First allowed token beside the four fixed ids, and the token after the last.
   *
   * @default {All tokens are allowed}
   */
  readonly range?: readonly [start: number, end: number];
}

/** A finished sequence. */
export interface Hypothesis {
  /** Tokens without the start token; the last token is the end token. */
  readonly tokens: readonly number[];
  /** Sum of the positional scores over length to the power of the penalty. */
  readonly score: number;
  /** Logarithm of each token's probability. */
  readonly positionalScores: readonly number[];
}

/** A sequence without its end. */
interface Beam {
  /** Tokens with the start token. */
  readonly tokens: readonly number[];
  /** Sum of the scores up to each token. */
  readonly sums: readonly number[];
}

/** A possible next token of a beam. */
interface Candidate {
  readonly beam: number;
  readonly token: number;
  readonly sum: number;
}

/**
 * Computes the next tokens' logits.
 *
 * @param tokens Last token of each beam.
 * @param parents For each beam, the index of the earlier call's beam that it continues.
 * @returns `[beams, vocabulary]`; may be overwritten.
 */
export type NextLogits = (
  tokens: readonly number[],
  parents: readonly number[],
) => Promise<Float32Array>;

/**
 * Finds the likeliest sequences as `SequenceGenerator` of OFA does. The search follows `beams`
 * sequences until as many have ended, or at most `maxTokens` steps. The earlier beam and the lower
 * token come first among equal scores.
 *
 * @param next Computes logits; the first call has a single beam.
 * @returns Finished sequences, best first; at least one.
 * @throws {InputRangeError} If a logit is not finite, as weights that are not finite make it. Also if
 * no sequence ends with a finite score.
 */
export async function searchBeams(next: NextLogits, options: BeamOptions): Promise<Hypothesis[]> {
  const { beams: count, maxTokens, lengthPenalty = 1 } = options;
  const finished: Hypothesis[] = [];
  let beams: Beam[] = [{ tokens: [START], sums: [] }];
  let parents = [0];
  for (let step = 0; step <= maxTokens; step++) {
    const scores = await next(beams.map(({ tokens }) => tokens.at(-1)!), parents);
    const size = scores.length / beams.length;
    for (const [i, { tokens }] of beams.entries()) {
      const row = scores.subarray(i * size, (i + 1) * size);
      logSoftmax(row, options.range);
      restrict(row, tokens, step, options);
    }
    const candidates = best(scores, size, beams, Math.min(2 * count, scores.length - 1));
    const isEnd = ({ token, sum }: Candidate) => token === END && sum > -Infinity;
    // An end below the best `count` candidates neither ends a sequence nor goes on.
    for (const candidate of candidates.slice(0, count).filter(isEnd)) {
      if (finished.length === count) break;
      const { tokens, sums } = beams[candidate.beam]!;
      const all = [...sums, candidate.sum];
      finished.push({
        tokens: [...tokens.slice(1), END],
        score: Math.fround(candidate.sum / (step + 1) ** lengthPenalty),
        positionalScores: all.map((sum, i) => i === 0 ? sum : Math.fround(sum - all[i - 1]!)),
      });
    }
    if (finished.length === count) break;
    const live = candidates.filter((candidate) => !isEnd(candidate)).slice(0, count);
    parents = live.map(({ beam }) => beam);
    beams = live.map(({ beam, token, sum }) => ({
      tokens: [...beams[beam]!.tokens, token],
      sums: [...beams[beam]!.sums, sum],
    }));
  }
  if (finished.length === 0) throw new InputRangeError(NOT_FINITE);
  return finished.sort((a, b) => b.score - a.score);
}

const NOT_FINITE =
  "Cannot search for an answer: the model's scores of tokens are not finite numbers";

/**
 * Replaces logits by the logarithms of their probabilities.
 *
 * @throws {InputRangeError} If a logit is not finite.
 */
function logSoftmax(row: Float32Array, range: BeamOptions["range"]): void {
  if (!row.every(Number.isFinite)) throw new InputRangeError(NOT_FINITE);
  if (range) {
    row.fill(-Infinity, UNKNOWN + 1, range[0]);
    row.fill(-Infinity, range[1]);
  }
  let most = -Infinity;
  for (const value of row) if (value > most) most = value;
  let sum = 0;
  for (const value of row) sum += Math.exp(value - most);
  const shift = most + Math.log(sum);
  for (let i = 0; i < row.length; i++) row[i]! -= shift;
}

/** Forbids tokens by the rules of length and repetition. */
function restrict(
  row: Float32Array,
  tokens: readonly number[],
  step: number,
  { minTokens, maxTokens, noRepeat = 0 }: BeamOptions,
): void {
  if (step < minTokens) row[END] = -Infinity;
  row[PADDING] = -Infinity;
  if (step >= maxTokens) {
    row.fill(-Infinity, 0, END);
    row.fill(-Infinity, END + 1);
  }
  if (noRepeat === 0) return;
  const last = tokens.length - noRepeat + 1; // first of the tokens before the next
  for (let start = 0; start < last; start++) {
    const isSame = tokens.slice(last).every((token, i) => token === tokens[start + i]);
    if (isSame) row[tokens[start + noRepeat - 1]!] = -Infinity;
  }
}

/** The candidates of highest sum, best first. */
function best(
  scores: Float32Array,
  size: number,
  beams: readonly Beam[],
  count: number,
): Candidate[] {
  const top: Candidate[] = [];
  for (const [beam, { sums }] of beams.entries()) {
    const before = sums.at(-1) ?? 0;
    for (let token = 0; token < size; token++) {
      const sum = Math.fround(scores[beam * size + token]! + before);
      if (top.length === count && sum <= top.at(-1)!.sum) continue;
      let place = top.length;
      while (place > 0 && top[place - 1]!.sum < sum) place--;
      top.splice(place, 0, { beam, token, sum });
      if (top.length > count) top.pop();
    }
  }
  return top;
}
