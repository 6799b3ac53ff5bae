/**
 * Runs of earlier versions, which must keep their bytes: the commands that wrote the fixture, and
 * hashes of its files.
 *
 * @module
 */

import { SMALL_SIZE, writeSeededModel } from "../support/seeded_biovil.ts";
import { runCommand } from "../support/command.ts";
import { copy } from "../support/copy.ts";

/** Folder with the images, the rows, the runs and the expected hashes. */
export const FIXTURE = new URL("fixture", import.meta.url).pathname;

const VOCABULARY = new URL("../../models/biovil/fixtures/vocab.txt", import.meta.url);

/** WebAssembly computes the same bits on every processor; the native runtime does not. */
const QUICK = ["--noise", "sample", "--steps", "10", "--runtime", "wasm", "--device", "cpu"];

const DATA = ["--dataset", "set/rows.csv", "--images", "set"];

const BOTH = ["--method", "ldm,biovil", "--model", "biovil=biovil"];

/** Arguments of `eval`, by the run's folder. */
export const RUNS = {
  ldm: [...DATA, ...QUICK, "--seed", "3", "--protocol", "per-box,largest-component-box"],
  both: [...DATA, ...QUICK, ...BOTH],
} as const;

/** A command that needs no model: its name, its arguments and its output path. */
interface Derived {
  readonly command: string;
  readonly args: readonly string[];
  readonly out: string;
}

/** Commands that read the runs and need no model. */
export const DERIVED: readonly Derived[] = [
  {
    command: "rescore",
    args: ["ldm", "--sigma", "4", "--margin", "zero", "--protocol", "pointing-game,biovil"],
    out: "rescored",
  },
  { command: "rescore", args: ["both", "--protocol", "pixel-auc"], out: "rescored-both" },
  {
    command: "convert",
    args: ["ldm", "--to", "npy,png16,nifti,mask,rle,coco,boxes,dicom-seg"],
    out: "converted",
  },
  {
    command: "convert",
    args: ["both", "--setting", "biovil", "--to", "npy,nifti"],
    out: "converted-both",
  },
  { command: "figures", args: ["ldm", "--count", "2"], out: "figures" },
  { command: "report", args: ["ldm"], out: "ldm.html" },
  { command: "report", args: ["both"], out: "both.html" },
];

/** Copies images and rows to a folder, and writes a small seeded BioViL model there. */
export async function prepare(folder: string): Promise<void> {
  await copy(`${FIXTURE}/set`, `${folder}/set`);
  await writeSeededModel(`${folder}/biovil`, "biovil", SMALL_SIZE);
  await Deno.copyFile(VOCABULARY, `${folder}/biovil/vocab.txt`);
}

/** Runs a command in a folder, and throws if its exit code is not the expected code. */
export async function run(
  folder: string,
  command: string,
  args: readonly string[],
): Promise<void> {
  const { code, stderr } = await runCommand(command, args, folder);
  // Two samples of each run fail, so the commands that score end with code 3.
  const expected = command === "eval" || command === "rescore" ? 3 : 0;
  if (code !== expected) throw new Error(`${command} ended with ${code}: ${stderr}`);
}

/**
 * Returns the SHA-256 of each file below a folder, by path. Summaries are left out because they
 * contain a duration, and the figures' PNGs because they repeat the SVGs. Only the data of a report
 * are hashed, not its code.
 */
export async function hashesOf(folder: string, path: string): Promise<Record<string, string>> {
  const full = `${folder}/${path}`;
  if ((await Deno.stat(full)).isDirectory) {
    const hashes: Record<string, string> = {};
    const names = [...Deno.readDirSync(full)].map(({ name }) => name).sort();
    for (const name of names) {
      if (name === "summary.json" || path === "figures" && name.endsWith(".png")) continue;
      Object.assign(hashes, await hashesOf(folder, `${path}/${name}`));
    }
    return hashes;
  }
  const bytes = path.endsWith(".html")
    ? new TextEncoder().encode(dataOf(await Deno.readTextFile(full)))
    : await Deno.readFile(full);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return { [path]: digest.toHex() };
}

/** Returns the rows, pictures and heatmaps inside a report. */
function dataOf(page: string): string {
  const rows = /<script type="application\/json" id="rows">(.*?)<\/script>/s.exec(page)![1];
  const pictures = page.matchAll(/<script type="text\/plain" id="(.*?)"(.*?)>(.*?)<\/script>/gs);
  const known = [...pictures].filter((match) => !match[2]!.includes("data-missing"));
  return [rows, ...known.map(([, ...parts]) => parts.join("\n"))].join("\n");
}
