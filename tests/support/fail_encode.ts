import type * as Ort from "onnxruntime-node";

const { default: ort } = await import("onnxruntime-node") as unknown as { default: typeof Ort };

/**
 * Makes the autoencoder fail from the third image on.
 *
 * @param fail Throws the error.
 */
export function failThirdImage(fail: () => never): void {
  const { create } = ort.InferenceSession;
  let encoded = 0;
  ort.InferenceSession.create = async function (...args: unknown[]) {
    const session = await (create as (...args: unknown[]) => Promise<Ort.InferenceSession>).apply(
      ort.InferenceSession,
      args,
    );
    const { run } = session;
    session.run = async function (...args: unknown[]) {
      // Of all networks, only the autoencoder has an input named "image".
      if (session.inputNames.includes("image") && ++encoded >= 3) fail();
      return await (run as (...args: unknown[]) => Promise<Ort.InferenceSession.ReturnType>).apply(
        session,
        args,
      );
    };
    return session;
  } as typeof create;
}
