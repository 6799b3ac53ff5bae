import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { saveRenamed } from "../../tests/support/save_as_torch.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import { openCheckpoint, readTensor } from "../checkpoint/mod.ts";
import { openRuntime } from "../runtime/open_runtime.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { boxesOf } from "./answer.ts";
import { type BeamOptions, searchBeams } from "./beam_search.ts";
import { loadOmnifm } from "./bundle.ts";
import { CELL } from "./networks.ts";
import { openOmnifm } from "./omnifm.ts";
import { preprocess } from "./preprocess.ts";
import { openSessions, requireMemory } from "./sessions.ts";
import { PHRASE, type PromptStyle } from "./text.ts";

const SHARED = new URL("../../../shared/reference/", import.meta.url).pathname;

/** Cases of the original modules: folders with a model, an image and the results. */
const CASES = [...Deno.readDirSync(SHARED)].map(({ name }) => name)
  .filter((name) => name.startsWith("omnifm_")).sort().map((name) => `${SHARED}${name}`);
const [CASE] = CASES as [string];

/** A prompt of `expected.json`, with the results for it. */
interface ExpectedPrompt {
  readonly kind: PromptStyle;
  readonly text: string;
  readonly src_tokens: readonly number[];
  readonly forced_tokens: readonly number[];
  readonly generations: readonly {
    readonly options: Readonly<
      Record<"beam" | "min_len" | "max_len_b" | "lenpen" | "no_repeat_ngram_size", number>
    >;
    readonly hypotheses: readonly {
      readonly tokens: readonly number[];
      readonly score: number;
      readonly positional_scores: readonly number[];
      readonly demo_box: readonly [number, number, number, number] | null;
    }[];
  }[];
}

const expectedOf = (folder: string): { prompts: readonly ExpectedPrompt[] } =>
  JSON.parse(Deno.readTextFileSync(`${folder}/expected.json`));

function assertNear(values: ArrayLike<number>, expected: ArrayLike<number>, limit: number): void {
  assertEquals(values.length, expected.length);
  for (let i = 0; i < values.length; i++) {
    const off = Math.abs(values[i]! - expected[i]!);
    assert(off < limit, `value ${i} is ${off} off`);
  }
}

for (const name of ["native", "wasm"] as const) {
  Deno.test(`OmniFM-DR on ${name} gives features, tokens, scores and boxes of the original`, async () => {
    const runtime = await openRuntime(name);
    for (const folder of CASES) {
      const bundle = await loadOmnifm(folder);
      const { texts, bins, config } = bundle;
      const tensors = await openCheckpoint(`${folder}/expected.safetensors`);
      const image = await decodeImage(`${folder}/image.png`);
      assertEquals(
        preprocess(image, config.grid * CELL),
        await readTensor(tensors, "image"),
      );
      const sessions = await openSessions(bundle, runtime);
      const cells = await sessions.embedImage(image);
      for (const [i, prompt] of expectedOf(folder).prompts.entries()) {
        const tokens = texts.encode("x", prompt.text, prompt.kind);
        assertEquals(tokens, prompt.src_tokens);
        const forced = await sessions.decode(cells, tokens, prompt.forced_tokens.length);
        const encoded = await readTensor(tensors, `${i}.encoder_out`);
        assertNear(forced.encoded.data as Float32Array, encoded, 2e-4);
        const logits = await readTensor(tensors, `${i}.forced_logits`);
        for (const [step, token] of prompt.forced_tokens.entries()) {
          const start = step * config.vocabulary;
          const expected = logits.subarray(start, start + config.vocabulary);
          assertNear(await forced.next([token], [0]), expected, 1e-3);
        }
        forced.release();
        for (const { options, hypotheses } of prompt.generations) {
          const decoding: BeamOptions = {
            beams: options.beam,
            minTokens: options.min_len,
            maxTokens: options.max_len_b,
            noRepeat: options.no_repeat_ngram_size,
            lengthPenalty: options.lenpen,
          };
          const decoder = await sessions.decode(cells, tokens, options.max_len_b + 1);
          const found = await searchBeams(decoder.next, decoding);
          decoder.release();
          assertEquals(found.map(({ tokens }) => tokens), hypotheses.map(({ tokens }) => tokens));
          for (const [j, { score, positionalScores }] of found.entries()) {
            const expected = hypotheses[j]!;
            assertNear([score], [expected.score], 1e-3);
            assertNear(positionalScores, expected.positional_scores, 1e-3);
            const coordinates = { firstBin: texts.firstBin, bins };
            const boxes = boxesOf(expected.tokens, coordinates, image, "first");
            const corners = expected.demo_box;
            assertEquals(boxes.length, corners ? 1 : 0);
            if (!corners) continue;
            const [x0, y0, x1, y1] = corners;
            const [left, top] = [Math.min(x0, x1), Math.min(y0, y1)];
            assertNear(boxes[0]!, [left, top, Math.abs(x1 - x0), Math.abs(y1 - y0)], 1e-9);
          }
        }
      }
      await sessions.close();
    }
  });
}

Deno.test("ground() gives the boxes of the best answer, and says which answer has none", async () => {
  const image = await decodeImage(`${CASE}/image.png`);
  const bundle = await loadOmnifm(CASE);
  const runtime = await openRuntime("native");
  const options = { style: "training", prompt: ` Give the accurate bbox of ${PHRASE}.` } as const;
  const model = await openOmnifm(bundle, runtime, options);
  const [found] = await model.ground(image, ["pleural effusion"]);
  const { hypotheses } = expectedOf(CASE).prompts[0]!.generations[0]!;
  const details = found!.details!.hypotheses as { tokens: number[]; text: string }[];
  assertEquals(details.map(({ tokens }) => tokens), hypotheses.map(({ tokens }) => [...tokens]));
  assertEquals([found!.boxes.length, found!.notes], [2, []]);
  assert(details[0]!.text.startsWith("thora <bin_397> <bin_113> "), details[0]!.text);
  await assertRejects(
    () => model.ground(image, ["edema", " \n"]),
    RangeError,
    'Cannot read phrase " \\n": it comes to no token',
  );
  const stop = new AbortController();
  stop.abort(new Error("stopped"));
  await assertRejects(
    () => model.ground(image, ["edema"], { signal: stop.signal }),
    Error,
    "stopped",
  );
  await model.close();

  const decoding = { beams: 1, minTokens: 4, maxTokens: 4 };
  const greedy = await openOmnifm(bundle, runtime, { decoding, boxes: "first" });
  const [none] = await greedy.ground(image, ["Pneumothorax"]);
  assertEquals([none!.boxes, none!.notes], [[], [
    'the answer "thorathorathorathora" has no box',
  ]]);
  await assertRejects(
    () => greedy.ground(image, ["effusion ".repeat(1100)]),
    RangeError,
    "tokens, and OmniFM-DR takes 1024",
  );
  await greedy.close();
  await assertRejects(
    () => openOmnifm(bundle, runtime, { decoding: { ...decoding, maxTokens: 1024 } }),
    RangeError,
    "has positions for 1023",
  );
});

Deno.test("requireMemory() refuses WebAssembly for the published model", async () => {
  const bundle = { ...await loadOmnifm(CASE), bytes: 3_704_112_640 };
  const runtime = (name: string) => ({ name, version: "ort" }) as Runtime;
  requireMemory(bundle, runtime("native"));
  requireMemory({ ...bundle, bytes: 2 ** 31 }, runtime("wasm"));
  await assertRejects(
    () => openSessions(bundle, runtime("wasm")),
    RangeError,
    "into ort: it has 3.7 GB of weights, and WebAssembly holds 2.1 GB; use --runtime native",
  );
});

/** Runs a test on a copy of the model, which the test may change. */
async function withCopy(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  try {
    for (const file of ["OmniFM-DR.pth", "dict.txt", "encoder.json", "vocab.bpe"]) {
      await Deno.copyFile(`${CASE}/${file}`, `${folder}/${file}`);
      await Deno.chmod(`${folder}/${file}`, 0o644);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("loadOmnifm() names what is wrong with the files", () =>
  withCopy(async (folder) => {
    const rejects = (reason: string, type: new (...args: never[]) => Error) =>
      assertRejects(() => loadOmnifm(folder), type, reason);
    const dictionary = await Deno.readTextFile(`${folder}/dict.txt`);
    const write = (text: string) => Deno.writeTextFile(`${folder}/dict.txt`, text);
    await write(dictionary.split("\n").slice(1).join("\n"));
    await rejects("it has 449 symbols, and the model has embeddings of 450", SyntaxError);
    await write(dictionary.replace(/^\S+ \d+\n/, "62\n"));
    await rejects('expected a symbol and a count in line 1, got "62" in', SyntaxError);
    await write(dictionary.replace(/^\S+/, "madeupword0000"));
    await rejects('it has "madeupword0000" twice', SyntaxError);
    await Deno.remove(`${folder}/dict.txt`);
    await rejects(
      "Cannot find the vocabulary of OmniFM-DR (from utils/BPE of github.com/MedHK23/OmniFM-DR)",
      Deno.errors.NotFound,
    );
    await Deno.mkdir(`${folder}/utils/BPE`, { recursive: true });
    await Deno.writeTextFile(`${folder}/utils/BPE/dict.txt`, dictionary);
    const sha256 = await (await loadOmnifm(folder)).hash();

    // Without settings beside the weights, images have 512 pixels, which this model is too small for.
    const weights = `${folder}/OmniFM-DR.safetensors`;
    const isCounter = (name: string) => name.endsWith("num_batches_tracked");
    const { tensors } = await openCheckpoint(`${folder}/OmniFM-DR.pth`);
    const kept = [...tensors.keys()].map((name) => !isCounter(name));
    await saveRenamed(`${folder}/OmniFM-DR.pth`, weights, (name) => name, (i) => kept[i]!);
    await Deno.rename(`${folder}/OmniFM-DR.pth`, `${folder}/kept`);
    await rejects("images of 512 pixels do not fit its 65 positions", RangeError);
    await Deno.remove(weights);
    await Deno.rename(`${folder}/kept`, `${folder}/omnifmdr.pt`);
    assertEquals(await (await loadOmnifm(folder)).hash(), sha256);

    await Deno.remove(`${folder}/omnifmdr.pt`);
    await Deno.copyFile(`${SHARED}medrpg_portrait/MedMPG_MS_CXR.pth`, `${folder}/omnifmdr.pt`);
    await rejects("expected OmniFM-DR, but it has no fitting tensor", RangeError);
  }));
