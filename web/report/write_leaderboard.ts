import { writeWhole } from "../../base/write_whole.ts";
import { type Division, type Ranking, runLabel } from "../../reports/leaderboard/board.ts";
import {
  describeDivision,
  describeProtocol,
  divisionNotes,
  type LinkOf,
  othersTable,
  rankingTable,
} from "../../reports/leaderboard/board_files.ts";
import { formatHtml, safe } from "../../reports/tables/table_html.ts";
import { factsHtml } from "./_facts.ts";
import { plainPage } from "./_plain_page.ts";
import pageStyle from "../page/style.css" with { type: "text" };
import ownStyle from "./leaderboard.css" with { type: "text" };

/** Name of the page within the folder of a leaderboard. */
export const LEADERBOARD = "leaderboard.html";

/**
 * Writes the page of a leaderboard: for each dataset and its samples a table by protocol, published
 * numbers, and the settings and hashes of each run.
 *
 * @param divisions The leaderboard, at least one division.
 * @param linkOf Link of a method's samples, relative to the page.
 * @param out Path of the page.
 * @throws {Error} If the file cannot be written.
 */
export async function writeLeaderboard(
  divisions: readonly Division[],
  linkOf: LinkOf,
  out: string,
): Promise<void> {
  const several = `${divisions.length} sets of samples, each ranked by itself. `;
  const body = [
    "<header><div><h1>Leaderboard</h1>\n<p>",
    divisions.length === 1 ? "" : several,
    "Each value leads to its samples.</p>\n",
    "<nav><ul>",
    ...divisions.map((division, i) =>
      `<li><a href="#d${i}">${safe(describeDivision(division))}</a>: ${
        division.rankings.map((ranking, j) =>
          `<a href="#d${i}-${j}">${safe(describeProtocol(ranking))}</a>`
        ).join(" · ")
      }</li>`
    ),
    "</ul></nav>\n",
    '<p class="warning">Research software. Not for clinical use.</p></div></header>\n<main>',
    ...divisions.flatMap((division, i) => divisionHtml(division, `d${i}`, linkOf)),
    "</main>",
  ];
  const style = pageStyle + ownStyle;
  await writeWhole(out, await plainPage("Groundray leaderboard", style, body.join("")));
}

function divisionHtml(division: Division, id: string, linkOf: LinkOf): string[] {
  const others = othersTable(division);
  return [
    `<section id="${id}" aria-labelledby="${id}-title">`,
    `<h2 id="${id}-title">${safe(describeDivision(division))}</h2>`,
    ...division.rankings.map((ranking: Ranking, j) =>
      `<h3 id="${id}-${j}">${safe(describeProtocol(ranking))}</h3>` +
      formatHtml(rankingTable(ranking, linkOf))
    ),
    ...(others ? [`<h3>Published by other protocols</h3>${formatHtml(others)}`] : []),
    `<h3>About these samples and methods</h3><ul class="quiet">`,
    ...divisionNotes(division).map((note) => `<li>${safe(note)}</li>`),
    "</ul>",
    ...division.runs.map((run) =>
      `<details><summary>Settings and hashes of ${safe(runLabel(run))}</summary>` +
      `<div class="facts">${factsHtml(run.record)}</div></details>`
    ),
    "</section>",
  ];
}
