/**
 * Runs `eval` on a runtime that runs out of memory while it encodes the third image.
 *
 * @module
 */

import { failThirdImage } from "./fail_encode.ts";

failThirdImage(() => {
  throw new Error("bad allocation");
});
await import("../../cli/eval.ts");
