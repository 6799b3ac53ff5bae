import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

type PlotDocument = NonNullable<Plot.PlotOptions["document"]>;

/** Renders a plot as an SVG document, without a browser. */
export function toSvg(options: Plot.PlotOptions): string {
  // The compiler has no DOM types here, so Plot's own type of documents is used.
  const { document } = parseHTML("<body></body>") as unknown as { document: PlotDocument };
  const svg = Plot.plot({
    ...options,
    document,
    style: { fontFamily: "sans-serif", fontSize: "11px", background: "white", color: "#222222" },
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${svg.outerHTML}\n`;
}
