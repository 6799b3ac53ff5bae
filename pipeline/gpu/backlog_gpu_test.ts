import "../../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { openModel } from "../../models/ldm/model.ts";
import { requireGpu } from "../../models/runtime/open_runtime.ts";
import { openWebgpu } from "../../models/runtime/webgpu.ts";
import { item } from "../flow.ts";
import { groundRequests } from "../ground.ts";

const DEMO = new URL("../../models/demo", import.meta.url).pathname;

const wait = (milliseconds: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

Deno.test("a slow GPU and a slow consumer leave at most two runs of a model waiting", async () => {
  const gpu = await requireGpu("test");
  const runtime = await openWebgpu(gpu, "test");
  let [submitted, finished, most, answers] = [0, 0, 0, 0];
  const model = await openModel(await loadBundle(DEMO), {
    ...runtime,
    async load(...args) {
      const session = await runtime.load(...args);
      return {
        async run(...args) {
          const outputs = await session.run(...args);
          most = Math.max(most, ++submitted - finished);
          return outputs;
        },
        release: () => session.release(),
      };
    },
  });
  const { queue } = gpu.device;
  const { onSubmittedWorkDone } = queue;
  queue.onSubmittedWorkDone = async () => {
    const before = submitted;
    await onSubmittedWorkDone.call(queue);
    // The answer comes late; meanwhile nothing may be submitted.
    await wait(20);
    assertEquals(submitted, before);
    finished = before;
    answers++;
  };
  const images = async function* () {
    for (const seed of [1, 2]) {
      const image = drawPhantom({ seed, width: 90, height: 110 });
      const samples = ["haze", "left effusion"]
        .map((phrase, i) => ({ id: `${seed}.${i}`, image: "", phrase, boxes: [] }));
      yield await Promise.resolve(item({ image, samples }));
    }
  };
  try {
    let results = 0;
    for await (const result of groundRequests(images(), { model, steps: 8 })) {
      assertEquals(result.kind, "item");
      const before = submitted;
      await wait(50);
      // Nobody works ahead of the consumer.
      assertEquals(submitted, before);
      results++;
    }
    assertEquals(results, 4);
    assertEquals(most, 2);
    assert(answers >= submitted / 2 - 2, `${answers} answers for ${submitted} runs`);
  } finally {
    await model.close();
    gpu.destroy();
  }
});
