/**
 * SVG documents as pictures, for what does not take SVG.
 *
 * @module
 */

import { initWasm, Resvg } from "@resvg/resvg-wasm";

/** The font, in what weights charts and sheets are written in; a machine need not have it. */
const FONTS = [
  import.meta.resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf"),
  import.meta.resolve("dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf"),
];
const FAMILY = "DejaVu Sans";

/** Pixels for each of the document's. */
const ZOOM = 1.5;

/** The fonts, once the renderer is loaded, which can be done once. */
let ready: Promise<Uint8Array[]> | undefined;

/**
 * Draws an SVG document.
 *
 * @param svg The document, with all that it shows in it.
 * @returns A PNG file.
 * @throws {Error} If it is no SVG document.
 */
export async function toPng(svg: string): Promise<Uint8Array> {
  ready ??= load();
  const fontBuffers = await ready;
  const renderer = new Resvg(svg, {
    font: { fontBuffers, defaultFontFamily: FAMILY, sansSerifFamily: FAMILY },
    // Charts have theirs as a style, which is for browsers.
    background: "white",
    fitTo: { mode: "zoom", value: ZOOM },
  });
  try {
    const picture = renderer.render();
    try {
      return picture.asPng();
    } finally {
      picture.free();
    }
  } finally {
    renderer.free();
  }
}

async function load(): Promise<Uint8Array[]> {
  const read = (address: string) => Deno.readFile(new URL(address));
  await initWasm(await read(import.meta.resolve("@resvg/resvg-wasm/index_bg.wasm")));
  return await Promise.all(FONTS.map(read));
}
