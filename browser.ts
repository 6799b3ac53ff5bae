/**
 * Groundray in a browser: everything of `mod.ts` that needs neither this machine's files nor its
 * own code. Models are read from files that the page is given.
 *
 * @example Ground a phrase in an X-ray, both picked by the user
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
