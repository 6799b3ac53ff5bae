/**
 * Makes the demo's tokenizer from the phantoms' phrases. The result is a byte-pair vocabulary like
 * CLIP's, in which each word of the phrases is one token. Run by `deno task train:tokenizer DATA
 * MODEL`.
 *
 * @module
 */

import { readFindings } from "./_findings.ts";
import { runScript } from "./_script.ts";

/**
 * Returns byte-pair merges that make each word of the phrases one token, most frequent pair first.
 */
function learnMerges(phrases: readonly string[]): [string, string][] {
  const words = new Map<string, number>();
  for (const phrase of phrases) {
    for (const word of phrase.toLowerCase().match(/\p{L}+/gu) ?? []) {
      words.set(word, (words.get(word) ?? 0) + 1);
    }
  }
  const pieces = [...words].map(([word, frequency]) => ({
    frequency,
    parts: [...word.slice(0, -1), `${word.at(-1)}</w>`],
  }));
  const merges: [string, string][] = [];
  for (;;) {
    const pairs = new Map<string, number>();
    for (const { parts, frequency } of pieces) {
      for (let i = 0; i + 1 < parts.length; i++) {
        const pair = `${parts[i]} ${parts[i + 1]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + frequency);
      }
    }
    const [best] = [...pairs].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    if (!best) return merges;
    const [left, right] = best[0].split(" ") as [string, string];
    merges.push([left, right]);
    for (const piece of pieces) {
      for (let i = 0; i + 1 < piece.parts.length; i++) {
        if (piece.parts[i] === left && piece.parts[i + 1] === right) {
          piece.parts.splice(i, 2, left + right);
        }
      }
    }
  }
}

/**
 * Returns the printable characters that represent the 256 bytes in GPT-2's byte-level vocabulary.
 */
function byteSymbols(): string[] {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const printable = bytes.filter(isPrintable).map((byte) => String.fromCharCode(byte));
  const others = bytes.filter((byte) => !isPrintable(byte))
    .map((_, i) => String.fromCharCode(256 + i));
  return [...printable, ...others];
}

/** Writes `vocab.json`, `merges.txt` and `tokenizer_config.json` into a model's folder. */
async function makeTokenizer(data: string, model: string): Promise<void> {
  const phrases = new Set<string>();
  for await (const { wordings } of readFindings(data)) {
    for (const wording of wordings) phrases.add(wording);
  }
  // Sort the phrases, so that the merges do not depend on directory order.
  const merges = learnMerges([...phrases].sort());
  const symbols = byteSymbols();
  const tokens = new Set([
    ...symbols,
    ...symbols.map((symbol) => `${symbol}</w>`),
    ...merges.map((pair) => pair.join("")),
    "<|startoftext|>",
    "<|endoftext|>",
  ]);
  const vocab = Object.fromEntries([...tokens].map((token, id) => [token, id]));
  const folder = `${model}/tokenizer`;
  await Deno.mkdir(folder, { recursive: true });
  const write = (name: string, value: unknown) =>
    Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(value, null, 2) + "\n");
  await write("vocab.json", vocab);
  await write("tokenizer_config.json", { pad_token: "!", model_max_length: 77 });
  const lines = ["#version: 0.2", ...merges.map((pair) => pair.join(" "))];
  await Deno.writeTextFile(`${folder}/merges.txt`, lines.join("\n") + "\n");
}

if (import.meta.main) {
  await runScript(
    ["deno task train:tokenizer", "DATA", "MODEL"],
    ([data, model]) => ({ read: [data], write: [model] }),
    ([data, model]) => makeTokenizer(data, model),
  );
}
