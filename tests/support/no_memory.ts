/**
 * Runs `eval` on a runtime that runs out of memory while it encodes the third image.
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
    // Of all networks, only the autoencoder has an input named "image".
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
