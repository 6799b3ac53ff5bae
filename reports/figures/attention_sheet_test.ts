import { assert, assertEquals } from "@std/assert";
import { Image } from "imagescript";
import type { AttentionGrid } from "../../pipeline/attention_grid.ts";
import { drawAttention } from "./attention_sheet.ts";

/** Two layers at steps 4..8 and 8..12; the heatmap averages layer 5 at steps 6..10. */
function makeGrid(): AttentionGrid {
  const layers = [
    { layer: 2, side: 2, data: Float32Array.of(0, 1, 0.5, 1) },
    { layer: 5, side: 1, data: Float32Array.of(0.25) },
  ];
  const heatmap = new Float32Array(16).fill(0.5);
  const gray = { data: new Uint8Array(24).fill(80), width: 4, height: 6 };
  const sample = { id: "0", image: "", phrase: 'a <b> & "c"', boxes: [] };
  const grounded = {
    ...{ image: { gray, samples: [sample], crop: { x: 0, y: 1, side: 4 } }, sample, size: 4 },
    variant: { name: "", layers: [5], start: 6, end: 10, otsu: true },
    ...{ smoothed: heatmap, normalised: heatmap, heatmap, constant: false, layers: [layers[1]!] },
    ...{ threshold: 0.2, box: undefined, originalBox: undefined },
  };
  const columns = [{ start: 4, end: 8, layers, heatmap }, { start: 8, end: 12, layers, heatmap }];
  return { grounded, columns, layers };
}

Deno.test("drawAttention() shows each layer's positions in order, and marks the averaged part", async () => {
  const svg = await drawAttention(makeGrid());
  const href = /<title>layer 2, steps 4–7<\/title><image [^>]*base64,([^"]+)"/.exec(svg)![1]!;
  const cell = await Image.decode(Uint8Array.fromBase64(href));
  const quarter = cell.width / 4;
  const colors = [[1, 1], [3, 1], [1, 3], [3, 3]].map(([x, y]) =>
    cell.getPixelAt(x! * quarter, y! * quarter).toString(16).padStart(8, "0")
  );
  // Opaque inferno colours at 0, 1 and in between.
  assertEquals([colors[0], colors[1], colors[3]], ["000004ff", "fcffa4ff", "fcffa4ff"]);
  assert(!colors.slice(0, 2).includes(colors[2]!));
  const bars = [...svg.matchAll(/<rect x="([\d.]+)" y="(\d+)" width="([\d.]+)" [^>]*"#d55e00"/g)]
    .map((match) => match.slice(1).map(Number));
  const cells = [...svg.matchAll(/, steps (\d+)–\d+<\/title><image x="([\d.]+)" y="(\d+)"/g)]
    .map((match) => match.slice(1).map(Number));
  const [first, second] = [cells[0]![1]!, cells[1]![1]!];
  const side = 64;
  assertEquals(bars.length, 2);
  // The bars mark the second row, and the steps between the middles of both columns.
  assertEquals(bars[0]![1], cells[2]![2]);
  assertEquals([bars[1]![0], bars[1]![2]], [first + side / 2, second - first]);
  assert(svg.includes("a &lt;b&gt; &amp; "), "the phrase is text");
  assert(!svg.includes("timestep") && !svg.includes("ground truth"));
});

Deno.test("drawAttention() names timesteps and ground truth where they are known", async () => {
  const timesteps = Array.from({ length: 12 }, (_, step) => 9 + 10 * step);
  const svg = await drawAttention(makeGrid(), { timesteps, boxes: [[0, 0, 2, 2]] });
  for (const text of [">timestep<", ">4–7<", ">49–79<", ">89–119<", "Green: ground truth."]) {
    assert(svg.includes(text), text);
  }
  assertEquals(svg, await drawAttention(makeGrid(), { timesteps, boxes: [[0, 0, 2, 2]] }));
});
