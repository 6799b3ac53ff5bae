import { InputTypeError } from "../../base/errors.ts";
import type { Sample } from "../../datasets/sample.ts";
import type { EncodedPhrase, Tokenizer } from "../../models/tokenizer.ts";
import type { ImageRequest } from "../decode.ts";
import { failed, flatMapFlow, type Flow, item, type StageOptions } from "../flow.ts";
import type { ResolvedSettings } from "./settings.ts";
import { choiceNotes, chooseWords } from "./words.ts";

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
 * The column of maps that averages the tokens of a phrase's content words, and notes on the choice.
 * Other words can lie between these words, so that the column is a weighted sum.
 *
 * @throws {InputTypeError} As {@linkcode chooseWords}.
 */
export function contentColumn(
  tokenizer: Tokenizer,
  sample: Sample,
): { readonly columns: readonly Float32Array[]; readonly notes: readonly string[] } {
  const chosen = chooseWords(tokenizer, sample, "content");
  const own = new Set(chosen.words.flatMap(({ tokens }) => tokens));
  const { ids } = tokenizer.encode(sample.phrase);
  const weights = Float32Array.from(ids, (_, at) => own.has(at) ? 1 / own.size : 0);
  return { columns: [weights], notes: choiceNotes(chosen, "content") };
}

/**
 * Leaves out phrases without a token that counts, before their image is read. A phrase that does
 * not name its class is skipped: the released code gives it a heatmap of NaN. A sample fails without
 * a class, or if the phrase lacks a word that the sample names.
 */
export function requireTokens(
  source: AsyncIterable<Flow<ImageRequest>>,
  tokenizer: Tokenizer,
  { tokens }: ResolvedSettings,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<ImageRequest>> {
  return flatMapFlow(source, "dataset", function* (request) {
    const samples: Sample[] = [];
    for (const sample of request.samples) {
      // The stage `decode` refuses an empty phrase.
      const dropped = sample.phrase.trim() !== "" && withoutTokens(tokenizer, sample, tokens);
      if (dropped) yield dropped;
      else samples.push(sample);
    }
    if (samples.length > 0) yield item({ ...request, samples });
  }, options);
}

/** The sample as dropped, if its phrase has no token that counts. */
function withoutTokens(
  tokenizer: Tokenizer,
  sample: Sample,
  tokens: ResolvedSettings["tokens"],
): Flow<never> | undefined {
  const { phrase, category } = sample;
  if (tokens === "content") {
    try {
      contentColumn(tokenizer, sample);
      return undefined;
    } catch (error) {
      return failed("dataset", sample, error);
    }
  }
  const [start, end] = tokenRange(tokenizer, tokenizer.encode(phrase), category, tokens);
  if (start < end) return undefined;
  if (!category) return failed("dataset", sample, new InputTypeError("its row names no class"));
  const reason = `the phrase has no token of its class, "${category}"`;
  return { kind: "dropped", dropped: { status: "skipped", stage: "dataset", reason, sample } };
}
