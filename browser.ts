/**
 * Groundray in a browser: everything of `mod.ts` that needs neither the machine's file system nor
 * native code. Models come from files that {@linkcode giveFiles} hands over.
 *
 * @example Ground a phrase in an X-ray; the user picks the model and the X-ray
 * ```ts ignore
 * import { giveFiles, groundImage, loadBundle } from "groundray/browser";
 *
 * giveFiles("model", files.map((file) => ({ path: file.webkitRelativePath, file })));
 * const bundle = await loadBundle("model/cxr");
 * const xray = new Uint8Array(await image.arrayBuffer());
 * const [effusion] = await groundImage(xray, ["left pleural effusion"], { bundle });
 * ```
 *
 * @module
 */

import "./base/host/browser/mod.ts";

// Hand over files and libraries, which a page cannot find for itself.
export { giveFiles, type GivenPath, usePackages } from "./base/host/browser/mod.ts";

// The functions of `mod.ts` that need no disk; `mod.ts` exports the types of their arguments.
export { drawPhantom } from "./datasets/phantom/phantom.ts";
export { loadBundle } from "./models/ldm/bundle.ts";
export { openModel } from "./models/ldm/model.ts";
export { openRuntime } from "./models/runtime/open_runtime.ts";
export { decodeImage } from "./pipeline/decode.ts";
export { ground, groundImage } from "./pipeline/ground.ts";
export { postprocess } from "./pipeline/postprocess.ts";
export { scoreByProtocols } from "./scoring/protocols.ts";
export { scoreHeatmap } from "./scoring/score_heatmap.ts";
export { reportSentences } from "./base/report/report_sentences.ts";
export { regionOf } from "./base/region.ts";
