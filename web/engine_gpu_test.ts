import "../base/host/deno/mod.ts";
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { openBiovil } from "../models/biovil/biovil.ts";
import { withSmallModel } from "../models/biovil/fixtures/small_model.ts";
import { decodeImage } from "../pipeline/decode.ts";
import { groundImage } from "../pipeline/ground.ts";
import { finishHeatmap } from "../pipeline/postprocess.ts";
import { grayImage } from "../images/gray_image.ts";
import { cropRegion } from "../images/preprocess.ts";
import { createEngine, type EngineHost } from "./engine.ts";
import type { Runtime } from "../models/runtime/runtime.ts";
import { DeviceLostError, type Gpu } from "../shaders/device.ts";
import type { Engine, Reply, Request } from "./engine_messages.ts";

const HOST: EngineHost = {
  openBundle: () => loadBundle("models/demo"),
  openRuntime: () => openRuntime("native"),
  decode: (bytes) => decodeImage(bytes),
};

const SETTINGS = { steps: 40 };
const PHRASES = ["left pleural effusion", "the heart is enlarged"];

/**
 * Returns a function that sends a request, and collects the replies until one of the given kinds or
 * a failure.
 */
function asking(engine: Engine) {
  return (request: Request, ...last: Reply["kind"][]) => {
    const { promise, resolve } = Promise.withResolvers<Reply[]>();
    const replies: Reply[] = [];
    engine.onReply = (reply) => {
      replies.push(reply);
      if ([...last, "failed"].includes(reply.kind)) resolve(replies);
    };
    engine.ask(request);
    return promise;
  };
}

const ofKind = <Kind extends Reply["kind"]>(replies: readonly Reply[], kind: Kind) =>
  replies.filter((reply): reply is Extract<Reply, { kind: Kind }> => reply.kind === kind);

/** Returns a phantom as the bytes of a PNG file. */
async function pngOf(seed: number): Promise<ArrayBuffer> {
  return (await grayImage(drawPhantom({ seed })).encode()).slice().buffer as ArrayBuffer;
}

async function withEngine(test: (ask: ReturnType<typeof asking>, engine: Engine) => Promise<void>) {
  const engine = createEngine(HOST);
  try {
    const ask = asking(engine);
    const [opened] = ofKind(
      await ask({ kind: "open", model: "demo", device: "auto" }, "opened"),
      "opened",
    );
    assertEquals(opened!.model.runtime, "native");
    const bytes = await pngOf(3);
    await ask({ kind: "image", image: 1, name: "phantom", bytes }, "image");
    await test(ask, engine);
  } finally {
    engine.close();
  }
}

Deno.test("createEngine() shows heatmaps as they form, and ends with the heatmaps of groundImage()", () =>
  withEngine(async (ask) => {
    const request = {
      kind: "ground",
      run: 1,
      image: 1,
      phrases: PHRASES,
      settings: SETTINGS,
    } as const;
    const replies = await ask(request, "ended");
    const attention = ofKind(replies, "attention");
    assertEquals(new Set(attention.flatMap(({ notes }) => notes)), new Set());
    assert(attention.length > PHRASES.length, "heatmaps come before they are whole");
    const bundle = await loadBundle("models/demo");
    const runtime = await openRuntime("native");
    const expected = await groundImage(drawPhantom({ seed: 3 }), PHRASES, {
      ...{ bundle, runtime, ...SETTINGS },
    });
    for (const [i, { heatmap, size }] of expected.entries()) {
      const { layers, steps, total } = attention.findLast(({ phrase }) => phrase === i)!;
      assertEquals(steps, total);
      assertEquals(finishHeatmap(layers, { size }).heatmap, heatmap);
    }
    const progress = ofKind(replies, "progress");
    assertEquals(progress.at(-1)!.done, progress.at(-1)!.total);
    assertAlmostEquals(progress.at(-1)!.secondsLeft!, 0);
  }));

Deno.test("createEngine() takes only the phrase's passes for another phrase of the image", () =>
  withEngine(async (ask) => {
    const ground = (run: number, settings: object) =>
      ask({ kind: "ground", run, image: 1, phrases: [PHRASES[run % 2]!], settings }, "ended");
    const passes = (replies: Reply[]) => ofKind(replies, "progress").at(-1)!.total;
    const parts = (replies: Reply[]) =>
      new Set(ofKind(replies, "progress").map(({ part }) => part));
    const first = await ground(1, SETTINGS);
    assertEquals(parts(first), new Set(["trajectory", "phrase"]));
    const second = await ground(2, SETTINGS);
    assertEquals(parts(second), new Set(["phrase"]));
    assert(passes(second) < passes(first));
    assertEquals(parts(await ground(3, { ...SETTINGS, layers: [8] })), new Set(["phrase"]));
    assertEquals(parts(await ground(4, { steps: 30 })), parts(first));
  }));

Deno.test("createEngine() computes a pass's trunk once for all phrases, and frees it", async () => {
  const native = await openRuntime("native");
  let [trunks, open] = [0, 0];
  const load: Runtime["load"] = async (...model) => {
    const session = await native.load(...model);
    return {
      release: () => session.release(),
      async run(feeds, fetches) {
        const outputs = await session.run(feeds, fetches);
        if (Object.keys(feeds).sort().join() !== "latent,timestep") return outputs;
        trunks++;
        const held = Object.entries(outputs).map(([name, output]) => {
          open++;
          return [name, { ...output, release: () => (open--, output.release()) }] as const;
        });
        return Object.fromEntries(held);
      },
    };
  };
  const engine = createEngine({
    ...HOST,
    openRuntime: () => Promise.resolve({ ...native, load }),
  });
  const ask = asking(engine);
  await ask({ kind: "open", model: "demo", device: "auto" }, "opened");
  await ask({ kind: "image", image: 1, name: "phantom", bytes: await pngOf(3) }, "image");
  const three = [...PHRASES, "cardiomegaly"];
  const ground = async (run: number, phrases: readonly string[]) => {
    trunks = 0;
    const settings = SETTINGS;
    const replies = await ask({ kind: "ground", run, image: 1, phrases, settings }, "ended");
    assertEquals(open, 0);
    return { trunks, settings: ofKind(replies, "begun")[0]!.settings };
  };
  // The empty phrase's passes end before the last chosen step, which has a trunk all the same.
  const first = await ground(1, three);
  assertEquals(first.trunks, first.settings.end);
  const alone = await ground(2, ["left lower lobe opacity"]);
  const again = await ground(3, three.map((phrase) => `${phrase} again`));
  assertEquals(again.trunks, alone.trunks);
  assert(alone.trunks < first.trunks / 5, "steps go through the U-Net together");
  // More phrases than go together take the trunks of a second group.
  const many = Array.from({ length: 17 }, (_, i) => `opacity ${i}`);
  assertEquals((await ground(4, many)).trunks, 2 * alone.trunks);
  // A run that ends among its phrases frees the trunk as well, and the next run begins anew.
  const request = { kind: "ground", image: 1, phrases: three, settings: { steps: 60 } } as const;
  const ended = ask({ ...request, run: 5 }, "ended");
  const gather = engine.onReply;
  engine.onReply = (reply) => {
    gather(reply);
    if (reply.kind === "attention") engine.ask({ kind: "cancel", run: 5 });
  };
  const replies = await ended;
  assertEquals(replies.at(-1), { kind: "ended", run: 5, how: "cancelled" });
  assertEquals([ofKind(replies, "attention").length, open], [1, 0]);
  const next = await ask({ ...request, run: 6 }, "ended");
  assertEquals(next.at(-1), { kind: "ended", run: 6, how: "done" });
  engine.close();
});

Deno.test("createEngine() says of a phrase how the model reads it", () =>
  withEngine(async (ask) => {
    const phrases = ["haze", "zqx"];
    const settings = { noise: "sample", steps: 10 } as const;
    const replies = await ask({ kind: "ground", run: 1, image: 1, phrases, settings }, "ended");
    const notes = ofKind(replies, "attention").map(({ phrase, notes }) => [phrase, notes]);
    assertEquals(notes, [[0, []], [1, ['the tokenizer reads "zqx" letter by letter']]]);
  }));

Deno.test("createEngine() ends a run that is cancelled, and goes on with the next", () =>
  withEngine(async (ask, engine) => {
    const request = { kind: "ground", image: 1, phrases: PHRASES } as const;
    const ended = ask({ ...request, run: 1, settings: {} }, "ended");
    engine.ask({ kind: "cancel", run: 1 });
    assertEquals(ofKind(await ended, "ended")[0]!.how, "cancelled");
    const next = ask({ ...request, run: 2, settings: SETTINGS }, "ended");
    assertEquals(ofKind(await next, "ended")[0]!.how, "done");
  }));

Deno.test("createEngine() names a fault in a sentence, and goes on", () =>
  withEngine(async (ask) => {
    const failure = async (request: Request) =>
      ofKind(await ask(request, "ended", "image"), "failed")[0]!.message;
    const ground = { kind: "ground", run: 1, image: 1, settings: SETTINGS } as const;
    assertStringIncludes(await failure({ ...ground, phrases: [" "] }), "phrase 1: it is empty");
    const settings = { layers: [99] };
    assertStringIncludes(await failure({ ...ground, phrases: PHRASES, settings }), "layer 99");
    const replies = await ask({ ...ground, phrases: PHRASES }, "ended");
    assertEquals(ofKind(replies, "failed"), []);
  }));

Deno.test("createEngine() grounds in no image but the one that was chosen last", () =>
  withEngine(async (ask) => {
    const [phrases, settings] = [PHRASES.slice(0, 1), { steps: 10, noise: "sample" }] as const;
    const ground = (run: number, image: number) =>
      ask({ kind: "ground", run, image, phrases, settings }, "ended");
    const failure = async (replies: Promise<Reply[]>) => ofKind(await replies, "failed").at(-1)!;
    // An image that cannot be read closes the image before it.
    const bytes = new ArrayBuffer(10);
    const bad = await failure(ask({ kind: "image", image: 2, name: "x.png", bytes }));
    assertMatch(bad.message, /^x\.png: .*not a PNG/);
    assertEquals(bad.image, 2);
    for (const image of [1, 2]) {
      assertEquals(await failure(ground(image, image)), {
        ...{ kind: "failed", request: "ground", run: image, image },
        message: "Cannot ground: no X-ray is open",
      });
    }
    // Another image with the same name is a different image.
    const png = await pngOf(4);
    await ask({ kind: "image", image: 3, name: "phantom", bytes: png }, "image");
    assertMatch((await failure(ground(3, 1))).message, /^Cannot ground: another X-ray is open$/);
    const found = ofKind(await ground(4, 3), "attention");
    assertEquals(new Set(found.map(({ image }) => image)), new Set([3]));
    const [expected] = await groundImage(drawPhantom({ seed: 4 }), phrases, {
      ...{ bundle: await loadBundle("models/demo"), runtime: await openRuntime("native") },
      ...settings,
    });
    const { layers } = found.at(-1)!;
    assertEquals(finishHeatmap(layers, { size: expected!.size }).heatmap, expected!.heatmap);
  }));

Deno.test("createEngine() ends a run when another image is chosen, and reads only the last one", () =>
  withEngine(async (ask, engine) => {
    const bytes = await pngOf(4);
    const chosen = (image: number) => ({ kind: "image", image, name: "b", bytes }) as const;
    const ended = ask({
      ...{ kind: "ground", run: 1, image: 1, phrases: PHRASES, settings: {} },
    }, "image");
    engine.ask(chosen(2));
    engine.ask(chosen(3));
    engine.ask(chosen(4));
    const told: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const gather = engine.onReply;
    engine.onReply = (reply) => {
      gather(reply);
      told.push(
        reply.kind === "ended"
          ? reply.how
          : "image" in reply
          ? `${reply.kind} ${reply.image}`
          : reply.kind,
      );
      if (reply.kind === "image") resolve();
    };
    await promise;
    await ended;
    assertEquals(told, ["cancelled", "failed 2", "failed 3", "image 4"]);
  }));

Deno.test("createEngine() keeps the model that is open where another cannot be read", async () => {
  const engine = createEngine({
    ...HOST,
    openBundle: (model) => loadBundle(model === "demo" ? "models/demo" : "no/such/folder"),
  });
  const ask = asking(engine);
  const open = (model: "demo" | { files: [] }) =>
    ask({ kind: "open", model, device: "auto" }, "opened");
  assertEquals(ofKind(await open({ files: [] }), "failed")[0]!.keepsModel, undefined);
  assertEquals(ofKind(await open("demo"), "opened").length, 1);
  assertEquals(ofKind(await open({ files: [] }), "failed")[0]!.keepsModel, true);
  const identified = ofKind(await ask({ kind: "identify" }, "identified"), "identified");
  assertEquals(identified[0]!.sha256, await (await loadBundle("models/demo")).hash());
  engine.close();
});

Deno.test("createEngine() gives the attention of every layer in columns of steps", () =>
  withEngine(async (ask) => {
    const request = { kind: "explore", run: 1, image: 1, phrase: PHRASES[0]!, columns: 3 } as const;
    const replies = await ask({ ...request, settings: SETTINGS }, "ended");
    const [{ columns, cells }] = ofKind(replies, "explored") as [
      Extract<Reply, { kind: "explored" }>,
    ];
    assertEquals(columns.length, 3);
    const { crossAttentionSides } = await loadBundle("models/demo");
    assertEquals(cells.length, 3 * crossAttentionSides.length);
    for (const { layer, side, data } of cells) {
      assertEquals([side, data.length], [crossAttentionSides[layer], side * side]);
    }
  }));

Deno.test("createEngine() takes the processor where a GPU cannot hold the model, unless it was chosen", async () => {
  const native = await openRuntime("native");
  let isDestroyed = false;
  const gpu = {
    adapter: { name: "small card", isHardware: true },
    destroy: () => isDestroyed = true,
  } as unknown as Gpu;
  const lacks: string[] = [];
  const engine = createEngine({
    ...HOST,
    openRuntime: () =>
      Promise.resolve({
        ...native,
        gpu,
        adapter: gpu.adapter.name,
        load: () => Promise.reject(new RangeError("a weight needs 9 bytes")),
      }),
    openFallback: (lack) => {
      lacks.push(lack);
      return Promise.resolve({ ...native, reason: lack });
    },
  });
  const ask = asking(engine);
  const [opened] = ofKind(
    await ask({ kind: "open", model: "demo", device: "auto" }, "opened"),
    "opened",
  );
  assert(isDestroyed);
  assertMatch(lacks.join(), /^small card cannot run the model \(Cannot load .*needs 9 bytes\)$/);
  assertStringIncludes(opened!.model.place, lacks[0]!);
  const replies = await ask({ kind: "open", model: "demo", device: "webgpu" }, "opened");
  assertMatch(ofKind(replies, "failed")[0]!.message, /^Cannot load .*: a weight needs 9 bytes$/);
  assertEquals(lacks.length, 1);
  engine.close();
});

Deno.test("createEngine() opens the model again when its GPU was lost, or tells who can", async () => {
  const native = await openRuntime("native");
  for (const canReopen of [true, false]) {
    let losses = 1;
    let told = 0;
    const load: Runtime["load"] = async (...model) => {
      const session = await native.load(...model);
      return {
        ...session,
        release: () => session.release(),
        run: (...feeds) => {
          if (losses-- > 0) throw new DeviceLostError("Cannot run the model: the GPU was lost");
          return session.run(...feeds);
        },
      };
    };
    const engine = createEngine({
      ...HOST,
      openRuntime: () => Promise.resolve({ ...native, load }),
      ...(!canReopen && { onLost: () => void told++ }),
    });
    const ask = asking(engine);
    await ask({ kind: "open", model: "demo", device: "auto" }, "opened");
    const bytes = await pngOf(3);
    await ask({ kind: "image", image: 1, name: "phantom", bytes }, "image");
    const ground = (run: number) =>
      ask({
        ...{ kind: "ground", run, image: 1, phrases: [PHRASES[0]!] },
        settings: { steps: 10 },
      }, "ended");
    const [failed] = ofKind(await ground(1), "failed");
    assertEquals(failed, {
      ...{ kind: "failed", request: "ground", run: 1, image: 1 },
      message: "Cannot run the model: the GPU was lost",
    });
    const next = await ground(2);
    if (canReopen) assertEquals(next.at(-1), { kind: "ended", run: 2, how: "done" });
    else assertStringIncludes(ofKind(next, "failed")[0]!.message, "no model is open");
    assertEquals(told, canReopen ? 0 : 1);
    engine.close();
  }
});

Deno.test("createEngine() runs a baseline by the registry, as the method itself, and goes back", () =>
  withSmallModel("biovil", async (folder) => {
    const engine = createEngine({
      ...HOST,
      openBundle: (model) =>
        model === "demo" ? loadBundle("models/demo") : Promise.resolve({
          method: "biovil",
          path: folder,
        }),
    });
    const ask = asking(engine);
    const picked = { files: [] };
    const opened = await ask({ kind: "open", model: picked, device: "auto" }, "opened");
    const { model } = ofKind(opened, "opened")[0]!;
    const view = { crop: 480, resized: 512 } as const;
    assertEquals(model.baseline, { method: "biovil", label: "BioViL", view });
    assertEquals([model.path, model.defaults, model.layerSides], [folder, undefined, undefined]);
    const bytes = await pngOf(3);
    await ask({ kind: "image", image: 1, name: "phantom", bytes }, "image");
    const request = { kind: "ground", run: 1, image: 1, phrases: PHRASES, settings: {} } as const;
    const replies = await ask(request, "ended");
    assertEquals(replies.at(-1), { kind: "ended", run: 1, how: "done" });
    const biovil = await openBiovil(folder, await openRuntime("native"), "biovil");
    const xray = await decodeImage(new Uint8Array(await pngOf(3)));
    const expected = await biovil.ground(xray, PHRASES);
    const attention = ofKind(replies, "attention");
    assertEquals(
      attention.flatMap(({ layers }) => layers.map(({ side, data }) => ({ side, values: data }))),
      expected,
    );
    // The crop is the square of 480 in the X-ray whose shorter side becomes 512.
    assertEquals(attention[0]!.crop, cropRegion(xray.width, xray.height, view));
    const progress = ofKind(replies, "progress").map(({ done, total }) => [done, total]);
    assertEquals(progress, [[1, 3], [2, 3], [3, 3]]);
    const identified = ofKind(await ask({ kind: "identify" }, "identified"), "identified");
    assertEquals(identified[0]!.sha256, await biovil.hash());
    await biovil.close();

    // A cancel takes effect between two of its networks' runs.
    const cancelled = ask({ ...request, run: 2, phrases: ["left", "right", "both"] }, "ended");
    const gather = engine.onReply;
    engine.onReply = (reply) => {
      gather(reply);
      if (reply.kind === "progress") engine.ask({ kind: "cancel", run: 2 });
    };
    const ended = await cancelled;
    assertEquals(ended.at(-1), { kind: "ended", run: 2, how: "cancelled" });
    assertEquals(ofKind(ended, "progress").length, 1);

    const explore = { kind: "explore", run: 3, image: 1, phrase: "left", columns: 3 } as const;
    const [refused] = ofKind(await ask({ ...explore, settings: {} }, "ended"), "failed");
    assertStringIncludes(refused!.message, "the open model has no cross-attention");
    const long = ["left ".repeat(60)];
    const [failed] = ofKind(await ask({ ...request, run: 4, phrases: long }, "ended"), "failed");
    assertStringIncludes(failed!.message, "62 tokens");
    const demo = await ask({ kind: "open", model: "demo", device: "auto" }, "opened");
    assertEquals(ofKind(demo, "opened")[0]!.model.baseline, undefined);
    const last = await ask({ ...request, run: 5, settings: { steps: 10 } }, "ended");
    assertEquals(last.at(-1), { kind: "ended", run: 5, how: "done" });
    engine.close();
  }));
