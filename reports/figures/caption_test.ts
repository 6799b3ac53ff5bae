import { assert, assertEquals } from "@std/assert";
import { decode, type Image } from "imagescript";
import "../../base/host/deno/mod.ts";
import { readFont } from "./_font.ts";
import { captionOf, wrapText } from "./caption.ts";
import { renderCaptionedOverlay } from "./captioned_overlay.ts";
import { renderOverlay } from "./overlay.ts";
import { loadFonts } from "./png.ts";

const NOTE = "The bundled model knows synthetic phantoms only.";

Deno.test("captionOf() has phrase, X-ray, scale, threshold and notes, and escapes hostile texts", () => {
  const facts = { phrase: "left\n effusion", image: "a\u202E.png", key: ["Dimmed: outside."] };
  const paragraphs = captionOf({ ...facts, threshold: 0.43214, isOtsu: true, notes: [NOTE] });
  assertEquals(paragraphs.map(({ kind, text }) => [kind, text]), [
    ["phrase", "left effusion"],
    ["fact", "X-ray: a\\u202e.png"],
    ["scale", "Heat from 0 to 1"],
    ["fact", "Threshold 0.432 (Otsu's): only what is above it has a colour. Dimmed: outside."],
    ["note", NOTE],
  ]);
  const [piled, , , whole] = captionOf({
    ...{ phrase: `z${"\u0301".repeat(300)}`, image: "", isOtsu: false },
    ...{ key: [], notes: [] },
  });
  // The letter with its first mark is one character; three more marks stay.
  assertEquals([...piled!.text].length, 4);
  assertEquals(whole!.text, "There is no threshold: whatever is above 0 has a colour.");
});

Deno.test("wrapText() breaks between words, inside long ones, and cuts as a last resort", () => {
  const measure = (text: string) => [...text].length;
  const wrap = (text: string, most = 9) => wrapText(text, 10, measure, most);
  assertEquals(wrap("left pleural effusion"), ["left", "pleural", "effusion"]);
  assertEquals(wrap("at the x"), ["at the x"]);
  assertEquals(wrap("an 0123456789abcdef x"), ["an 0123456", "789abcdef", "x"]);
  assertEquals(wrap("胸部".repeat(6)), ["胸部".repeat(5), "胸部"]);
  assertEquals(wrap("left pleural effusion", 2), ["left", "pleural …"]);
  assertEquals(wrap(""), []);
});

Deno.test("readFont() gives the widths of fontTools 4.68, and knows missing characters", async () => {
  const [sans] = (await loadFonts()).map(readFont);
  // Widths from the hmtx table of DejaVuSans.ttf 2.37, in 1/2048 em.
  for (const [letter, width] of [["W", 2025], ["i", 569], ["ж", 1845], ["é", 1260]] as const) {
    assertEquals(sans!.width(letter.codePointAt(0)!), width / 2048, letter);
  }
  for (const letter of "胸部") assertEquals(sans!.width(letter.codePointAt(0)!), undefined);
});

Deno.test("renderCaptionedOverlay() leaves the picture as it is, and puts the caption below it", async () => {
  const heatmap = new Float32Array(16).fill(0);
  heatmap[5] = 1;
  const phrase = "There is a large pleural effusion on the left, with atelectasis. ".repeat(5);
  for (const [width, height] of [[64, 40], [20, 400]] as const) {
    const gray = { data: new Uint8Array(width * height).fill(100), width, height };
    const overlay = { gray, heatmap, size: 4, crop: { x: 0, y: 0, side: Math.min(width, height) } };
    const caption = { phrase, image: "胸部.png", threshold: 0.4, isOtsu: true, notes: [NOTE] };
    const png = await renderCaptionedOverlay({ ...overlay, caption });
    assertEquals(await renderCaptionedOverlay({ ...overlay, caption }), png);
    const plain = await decode(await renderOverlay(overlay)) as Image;
    const whole = await decode(png) as Image;
    assertEquals(whole.width, Math.max(plain.width, 360));
    const top = new Uint8Array(plain.bitmap.length);
    for (let y = 0; y < plain.height; y++) {
      const row = whole.bitmap.subarray(4 * y * whole.width).subarray(0, 4 * plain.width);
      top.set(row, 4 * y * plain.width);
    }
    assertEquals(top, new Uint8Array(plain.bitmap));
    // The text is on white and has a white margin.
    const isWhite = (x: number, y: number) => whole.bitmap[4 * (y * whole.width + x) + 1] === 255;
    let dark = 0;
    for (let y = plain.height; y < whole.height; y++) {
      assert(isWhite(0, y) && isWhite(whole.width - 1, y), `row ${y} reaches the edge`);
      for (let x = 0; x < whole.width; x++) if (!isWhite(x, y)) dark++;
    }
    assert(dark > 3000, `${dark} pixels of text`);
  }
});
