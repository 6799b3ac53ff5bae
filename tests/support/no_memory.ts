/**
 * Runs eval on a runtime that runs out of memory in a pass of the third image's
 * phrases.
 *
 * @module
 */

import type * as Ort from "onnxruntime-node";

const { default: ort } = await import("onnxruntime-node") as unknown as { default: typeof Ort };
const { create } = ort.InferenceSession;
let encoded = 0;

ort.InferenceSession.create = async function (...args: unknown[]) {
  const session = await (create as (...args: unknown[]) => Promise<Ort.InferenceSession>).apply(
    ort.InferenceSession,
    args,
  );
  const { run } = session;
  session.run = function (...args: unknown[]) {
    // The autoencoder alone takes an image.
    if (session.inputNames.includes("image") && ++encoded >= 3) {
      return Promise.reject(new Error("bad allocation"));
    }
    return (run as (...args: unknown[]) => Promise<Ort.InferenceSession.ReturnType>).apply(
      session,
      args,
    );
  };
  return session;
} as typeof create;

await import("../../cli/eval.ts");
