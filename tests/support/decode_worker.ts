/**
 * A worker that decodes each file it receives and answers with the outcome as text.
 *
 * @module
 */

import { usePackages } from "../../base/host/browser/mod.ts";
import { outcome } from "./decode_outcome.ts";

const scope = globalThis as unknown as {
  onmessage: (event: { readonly data: Uint8Array }) => void;
  postMessage(outcome: string): void;
};

usePackages(new URL("/packages/", location.href));

scope.onmessage = async ({ data }) => scope.postMessage(await outcome(data));
