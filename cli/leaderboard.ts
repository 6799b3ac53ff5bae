import { relative } from "node:path";
import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { Notices } from "./kit/failures.ts";
import { isSameFolder, OUT } from "./kit/files.ts";
import { command, UsageError, type ValuesOf } from "./kit/flags.ts";
import { Progress, PROGRESS_FLAGS } from "./kit/progress.ts";
import { stat } from "../base/paths.ts";
import { makeFolder, writeWhole } from "../base/write_whole.ts";
import { LEADERBOARD, writeLeaderboard } from "../web/report/write_leaderboard.ts";
import { type BoardRun, makeBoard, readBoardRun } from "../reports/leaderboard/board.ts";
import {
  boardCsv,
  boardJson,
  describeDivision,
  type LinkOf,
  rankingTable,
} from "../reports/leaderboard/board_files.ts";
import { formatTable } from "../reports/tables/table.ts";
import { REPORT, RESULTS } from "../runs/run_folder.ts";

const COMMAND = command({
  usage: "deno task leaderboard RUN [RUN …] [options]",
  description:
    "Ranks the methods and settings of runs by every protocol that they have, without the model, " +
    "beside published numbers. Runs on other samples, or on another version of a dataset, get " +
    "a ranking of their own. Each value on the page leads to the report of its run.",
  operand: "RUN",
  isRepeated: true,
  flags: {
    out: {
      type: "string",
      placeholder: "DIR",
      default: `${OUT}/leaderboard`,
      description:
        `Folder for ${LEADERBOARD}, leaderboard.csv and leaderboard.json; replaces them.`,
    },
    ...PROGRESS_FLAGS,
  },
});

type Values = ValuesOf<typeof COMMAND.flags>;

async function main({ operands, out, ...values }: Values, signal: AbortSignal): Promise<number> {
  const folders = operands.map((folder) => folder.replace(/(?<=.)\/+$/, ""));
  const twice = folders.find((folder, i) => folders.indexOf(folder) < i);
  if (twice !== undefined) throw new UsageError(`The run "${twice}" is named twice`);
  const same = folders.find((folder) => isSameFolder(folder, out));
  if (same !== undefined) {
    throw new UsageError(`Option "--out" must be another folder than the runs, got "${out}"`);
  }
  const progress = new Progress(values.progress, undefined, "runs");
  const notices = new Notices(progress);
  try {
    const runs: BoardRun[] = [];
    const pages = new Map<string, string>();
    for (const folder of folders) {
      signal.throwIfAborted();
      progress.follow(runs.length, folders.length);
      runs.push(await readBoardRun(folder));
      const hasReport = (await stat(`${folder}/${REPORT}`))?.isFile;
      if (!hasReport) {
        notices.add(
          `"${folder}" has no ${REPORT}, so its values lead to ${RESULTS}; ` +
            `deno task report ${folder} writes the page.`,
        );
      }
      pages.set(folder, hasReport ? REPORT : RESULTS);
    }
    progress.clear();
    notices.end();
    const linkOf: LinkOf = ({ run: { folder }, setting }) => {
      const page = pages.get(folder)!;
      const path = relative(out, `${folder}/${page}`).replaceAll("\\", "/");
      const url = path.split("/").map(encodeURIComponent).join("/");
      return page === REPORT ? `${url}#setting=${encodeURIComponent(setting)}` : url;
    };
    const divisions = makeBoard(runs);
    for (const division of divisions) {
      console.log(`${describeDivision(division)}\n`);
      for (const ranking of division.rankings) {
        const table = rankingTable(ranking, linkOf);
        console.log(`${table.caption[0]}\n${formatTable(table)}\n`);
      }
    }
    await makeFolder(out);
    await writeWhole(`${out}/leaderboard.csv`, boardCsv(divisions));
    await writeWhole(`${out}/leaderboard.json`, boardJson(divisions, linkOf));
    await writeLeaderboard(divisions, linkOf, `${out}/${LEADERBOARD}`);
    const names = [LEADERBOARD, "leaderboard.csv", "leaderboard.json"];
    console.log(`Files: ${names.map((name) => `${out}/${name}`).join(", ")}`);
    return EXIT.ok;
  } finally {
    progress.clear();
  }
}

await runCommand(COMMAND, main, ({ operands, out }) => ({ read: operands, write: [out] }));
