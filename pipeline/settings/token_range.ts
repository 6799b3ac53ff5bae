/**
 * The tokens of a phrase that count in the average of attention.
 *
 * @module
 */

import { InputTypeError } from "../../base/errors.ts";
import type { Sample } from "../../datasets/sample.ts";
import type { EncodedPhrase, Tokenizer } from "../../models/tokenizer.ts";
import type { ImageRequest } from "../decode.ts";
import { type Dropped, failed, flatMapFlow, type Flow, item, type StageOptions } from "../flow.ts";
import type { ResolvedSettings } from "./settings.ts";

/** First token that counts, and one past the last. */
export type TokenRange = readonly [start: number, end: number];

/** Whether `tokens` selects the tokens of the sample's class. */
export function isOfClass(tokens: ResolvedSettings["tokens"]): boolean {
  return tokens === "class" || tokens === "class-released";
}

/**
 * The tokens of a phrase that count. The range is empty if the phrase has no such token.
 *
 * As in the released code, a token of the class name counts anywhere in the phrase. All tokens
 * between the first and the last of them count too.
 *
 * @param phrase The encoded phrase.
 * @param category The sample's class.
 */
export function tokenRange(
  tokenizer: Tokenizer,
  phrase: EncodedPhrase,
  category: string | undefined,
  tokens: ResolvedSettings["tokens"],
): TokenRange {
  if (tokens === "ends") return [0, phrase.length];
  if (!isOfClass(tokens)) return [1, phrase.length - 1];
  const own = new Set(wordsOf(tokenizer.encode(category ?? "")));
  const words = wordsOf(phrase);
  const first = words.findIndex((id) => own.has(id));
  if (first < 0) return [1, 1];
  const last = words.findLastIndex((id) => own.has(id));
  // The released code leaves out the last token of the class, unless there is only one.
  const isShort = tokens === "class-released" && last > first;
  return [1 + first, isShort ? 1 + last : 2 + last];
}

/** Ids of the tokens between the start and the end token. */
function wordsOf({ ids, length }: EncodedPhrase): readonly number[] {
  return ids.slice(1, length - 1);
}

/**
 * Skips phrases that do not name their class, before their image is read. The released code gives
 * such phrases a heatmap of NaN. A sample without a class fails.
 */
export function requireClassTokens(
  source: AsyncIterable<Flow<ImageRequest>>,
  tokenizer: Tokenizer,
  { tokens }: ResolvedSettings,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<ImageRequest>> {
  return flatMapFlow(source, "dataset", function* (request) {
    const samples: Sample[] = [];
    for (const sample of request.samples) {
      const { phrase, category } = sample;
      const [start, end] = tokenRange(tokenizer, tokenizer.encode(phrase), category, tokens);
      // The stage `decode` refuses an empty phrase.
      if (start < end || phrase.trim() === "") samples.push(sample);
      else if (category) yield { kind: "dropped", dropped: unnamed(sample, category) };
      else yield failed("dataset", sample, new InputTypeError("its row names no class"));
    }
    if (samples.length > 0) yield item({ ...request, samples });
  }, options);
}

function unnamed(sample: Sample, category: string): Dropped {
  const reason = `the phrase has no token of its class, "${category}"`;
  return { status: "skipped", stage: "dataset", reason, sample };
}
