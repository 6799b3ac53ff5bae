import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { Random } from "../../base/random.ts";
import { type BeamOptions, type Hypothesis, searchBeams } from "./beam_search.ts";

const VOCABULARY = 7;

/** Logits that depend on all tokens so far, and on nothing else. */
function logitsOf(tokens: readonly number[]): Float32Array {
  const seed = tokens.reduce((sum, token) => (sum * 31 + token + 1) % 1_000_003, 7);
  const random = new Random(seed);
  return Float32Array.from({ length: VOCABULARY }, () => 3 * random.normal());
}

/** Searches with {@linkcode logitsOf}; follows tokens and parents as a decoder's memory does. */
async function search(
  options: BeamOptions,
  logits: (tokens: readonly number[]) => Float32Array = logitsOf,
): Promise<Hypothesis[]> {
  let memory: (readonly number[])[] = [[]];
  return await searchBeams((tokens, parents) => {
    memory = parents.map((parent, i) => [...memory[parent]!, tokens[i]!]);
    return Promise.resolve(Float32Array.from(memory.flatMap((row) => [...logits(row)])));
  }, options);
}

/** All sequences of at most `most` tokens with the end, with the sum of their scores. */
function* allSequences(
  most: number,
  tokens: number[] = [0],
  sum = 0,
): Iterable<[number[], number]> {
  const logits = logitsOf(tokens);
  const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0));
  for (let token = 0; token < VOCABULARY; token++) {
    const next = sum + logits[token]! - total;
    if (token === 2) yield [[...tokens.slice(1), 2], next];
    else if (token !== 1 && tokens.length <= most) {
      yield* allSequences(most, [...tokens, token], next);
    }
  }
}

Deno.test("searchBeams() with room for all sequences finds the best of all", async () => {
  for (const lengthPenalty of [0, 1, 2]) {
    const all = [...allSequences(3)].map(([tokens, sum]) => {
      return { tokens, score: sum / tokens.length ** lengthPenalty };
    }).sort((a, b) => b.score - a.score);
    // Every sequence of four tokens ends within 300 beams, and shorter sequences before them.
    const options = { beams: 300, minTokens: 0, maxTokens: 3, lengthPenalty };
    const found = await search(options);
    assertEquals(
      found.slice(0, 20).map(({ tokens }) => tokens),
      all.slice(0, 20).map(({ tokens }) => tokens),
    );
    for (const [i, { score, positionalScores, tokens }] of found.slice(0, 20).entries()) {
      assertAlmostEquals(score, all[i]!.score, 1e-5);
      const sum = positionalScores.reduce((a, b) => a + b);
      assertAlmostEquals(sum / tokens.length ** lengthPenalty, score, 1e-5);
    }
  }
});

Deno.test("searchBeams() keeps the rules of length, range and repetition", async () => {
  const found = await search({ beams: 4, minTokens: 2, maxTokens: 6, noRepeat: 2, range: [4, 7] });
  assertEquals(found.length, 4);
  for (const { tokens } of found) {
    assertEquals(tokens.length >= 3 && tokens.length <= 7 && tokens.at(-1) === 2, true);
    const pairs = [0, ...tokens].slice(1).map((token, i) => `${[0, ...tokens][i]} ${token}`);
    assertEquals(new Set(pairs).size, pairs.length);
  }
  const exact = await search({ beams: 3, minTokens: 4, maxTokens: 4 });
  assertEquals(exact.map(({ tokens }) => tokens.length), [5, 5, 5]);
  const ranged = await search({ beams: 3, minTokens: 4, maxTokens: 4, range: [5, 6] });
  for (const { tokens } of ranged) {
    assertEquals(tokens.slice(0, -1).every((token) => [0, 3, 5].includes(token)), true);
  }
});

Deno.test("searchBeams() takes the lower token of equal scores, and refuses a score that is not finite", async () => {
  const equal = () => new Float32Array(VOCABULARY);
  const found = await search({ beams: 2, minTokens: 2, maxTokens: 2 }, equal);
  assertEquals(found.map(({ tokens }) => tokens), [[0, 0, 2], [0, 3, 2]]);
  for (const wrong of [NaN, Infinity, -Infinity]) {
    const logits = () => Float32Array.of(0, 9, 1, wrong, 2, 0, 0);
    await assertRejects(
      () => search({ beams: 1, minTokens: 1, maxTokens: 1 }, logits),
      RangeError,
      "not finite numbers",
    );
  }
});
