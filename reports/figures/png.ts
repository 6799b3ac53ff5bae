/**
 * Renders SVG documents as pictures, for programs that cannot read SVG.
 *
 * @module
 */

import { initWasm, Resvg } from "@resvg/resvg-wasm";

/** The font of charts and sheets, regular and bold; the package brings it, so none is installed. */
const FONTS = [
  import.meta.resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf"),
  import.meta.resolve("dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf"),
];
export const FONT_FAMILY = "DejaVu Sans";

/** Pixels of the picture per pixel of the document. */
const ZOOM = 1.5;

/** The fonts, available after the renderer is loaded; the renderer allows only one load. */
let ready: Promise<Uint8Array[]> | undefined;

/**
 * Renders an SVG document as a PNG file, enlarged by 1.5.
 *
 * @param svg The document; its pictures must be part of it.
 * @returns A PNG file.
 * @throws {Error} If the text is no SVG document.
 */
export async function toPng(svg: string): Promise<Uint8Array> {
  return await render(svg, ZOOM, (picture) => picture.asPng());
}

/** Pixels of a picture, four bytes RGBA each, row by row. */
export interface PicturePixels {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/**
 * Renders an SVG document as pixels, at its own size.
 *
 * @throws {Error} If the text is no SVG document.
 */
export async function toPixels(svg: string): Promise<PicturePixels> {
  return await render(svg, 1, ({ width, height, pixels }) => ({ width, height, pixels }));
}

/** Loads the fonts of all documents, as TrueType files. */
export async function loadFonts(): Promise<readonly Uint8Array[]> {
  return await (ready ??= load());
}

type Rendered = ReturnType<InstanceType<typeof Resvg>["render"]>;

async function render<T>(svg: string, zoom: number, read: (picture: Rendered) => T): Promise<T> {
  const fontBuffers = [...await loadFonts()];
  const renderer = new Resvg(svg, {
    font: { fontBuffers, defaultFontFamily: FONT_FAMILY, sansSerifFamily: FONT_FAMILY },
    // Charts set their background by CSS, which only browsers apply.
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
