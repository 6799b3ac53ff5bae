import { Gallery } from "../page/gallery.ts";
import { part, say, show } from "../page/parts_of_page.ts";
import { listenToTools } from "../page/tools.ts";
import { Review } from "../review/review.ts";
import { listenToTheme } from "../viewer/theme.ts";
import { EmbeddedRun } from "./embedded_run.ts";

say(undefined);
listenToTheme();
// A report has heatmaps as they were smoothed.
for (const id of ["sigma-label", "sigma-value"]) show(id, false);
const gallery = new Gallery("cpu");
listenToTools(gallery);
new Review(new EmbeddedRun(), gallery).open().catch((error: Error) => say(error.message));
document.addEventListener("DOMContentLoaded", () => {
  const missing = document.getElementById("missing");
  if (missing) part("about", HTMLElement).prepend(missing);
});
