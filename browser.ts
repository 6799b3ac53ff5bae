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

export * from "./core.ts";
export * from "./datasets/phantom/phantom.ts";
export * from "./datasets/sample.ts";
export { giveFiles, type GivenPath, usePackages } from "./base/host/browser/mod.ts";
export { DeviceLostError, openGpu } from "./shaders/device.ts";
