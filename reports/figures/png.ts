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
export const FONT_FAMILY = "DejaVu Sans";

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
  return await render(svg, ZOOM, (picture) => picture.asPng());
}

/** A picture's pixels, RGBA, row by row. */
export interface PicturePixels {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/**
 * Draws an SVG document at its own size.
 *
 * @throws {Error} If it is no SVG document.
 */
export async function toPixels(svg: string): Promise<PicturePixels> {
  return await render(svg, 1, ({ width, height, pixels }) => ({ width, height, pixels }));
}

/** The fonts that documents are drawn with, as TrueType files. */
export async function loadFonts(): Promise<readonly Uint8Array[]> {
  return await (ready ??= load());
}

type Rendered = ReturnType<InstanceType<typeof Resvg>["render"]>;

async function render<T>(svg: string, zoom: number, read: (picture: Rendered) => T): Promise<T> {
  const fontBuffers = [...await loadFonts()];
  const renderer = new Resvg(svg, {
    font: { fontBuffers, defaultFontFamily: FONT_FAMILY, sansSerifFamily: FONT_FAMILY },
    // Charts have theirs as a style, which is for browsers.
    background: "white",
    fitTo: { mode: "zoom", value: zoom },
  });
  try {
    const picture = renderer.render();
    try {
      return read(picture);
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
