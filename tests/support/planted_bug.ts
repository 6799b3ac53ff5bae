/**
 * Runs `eval` with a bug that the third image meets.
 *
 * @module
 */

import { failThirdImage } from "./fail_encode.ts";

failThirdImage(() => (undefined as unknown as [never]).length as never);
await import("../../cli/eval.ts");
