import { openRuntime, type RuntimeChoice } from "../../models/runtime/open_runtime.ts";

/** Runtimes that every model is tried on; the last needs a driver that Dawn takes. */
export const RUNTIMES_TO_TRY = ["native", "wasm", "webgpu", "webgpu-native"] as const;

/** A runtime of {@linkcode RUNTIMES_TO_TRY}. */
export type RuntimeToTry = typeof RUNTIMES_TO_TRY[number];

/** Why a runtime does not open here; `undefined` if it opens. */
async function whyNot(name: RuntimeChoice): Promise<string | undefined> {
  return await openRuntime(name).then(() => undefined, (error: Error) => error.message);
}

const refusal = await whyNot("webgpu-native");

/**
 * Declares a test on a runtime. Without a driver that Dawn takes, such as Mesa 25's or
 * SwiftShader, a test on `webgpu-native` is ignored, and its title has the reason. A missing GPU
 * ignores no other test.
 */
export function testOn(name: RuntimeToTry, title: string, test: () => Promise<void>): void {
  const reason = name === "webgpu-native" ? refusal : undefined;
  Deno.test(`${title} on ${name}${reason === undefined ? "" : ` (ignored: ${reason})`}`, {
    ignore: reason !== undefined,
  }, test);
}
