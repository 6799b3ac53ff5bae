/**
 * Runs `ground` with methods that need no network in place of BioViL and BioViL-T.
 *
 * @module
 */

import { useFakes } from "./fake_method.ts";

useFakes();
await import("../../cli/ground.ts");
