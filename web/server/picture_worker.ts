/**
 * Script of the thread that decodes X-rays, so that the server can answer meanwhile.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { sentenceOf } from "../../base/errors.ts";
import { quote } from "../../base/text.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import { reduce } from "../../images/resample.ts";
import type { Picture, Reading } from "./picture.ts";

/** Maximum length of a picture's longer side, in pixels. */
const MAX_SIDE = 1024;

async function readPicture(path: string): Promise<Picture> {
  const gray = await decodeImage(path).catch((error) => {
    if (![error, error.cause].some((error) => error instanceof Deno.errors.NotCapable)) throw error;
    throw new Error(
      `Cannot read image ${quote(path, 500)}: it is no file that the results named when the ` +
        "server started",
    );
  });
  const { width, height, spacing } = gray;
  const reduced = reduce(gray, MAX_SIDE);
  return { ...reduced, original: { width, height }, ...(spacing && { spacing }) };
}

/** The used part of the worker's global scope. */
interface Scope {
  onmessage: (event: MessageEvent<string>) => void;
  postMessage(reading: Reading, transfer?: Transferable[]): void;
}

const scope = globalThis as unknown as Scope;

scope.onmessage = async ({ data: path }) => {
  try {
    const picture = await readPicture(path);
    scope.postMessage({ picture }, [picture.data.buffer]);
  } catch (error) {
    scope.postMessage({ error: sentenceOf(error) });
  }
};
