import { assertEquals, assertRejects } from "@std/assert";
import { inFolder } from "../../tests/support/command.ts";
import { refuseEarlierResult, removeEarlierResult } from "./earlier_result.ts";

const RESULT = JSON.stringify({ phrase: "haze", crop: { x: 0, y: 0, side: 8 }, heatmapSize: 8 });

/** Writes files by their paths; a path without text becomes a folder. */
async function write(folder: string, files: Record<string, string | undefined>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const end = text === undefined ? path.length : path.lastIndexOf("/");
    await Deno.mkdir(`${folder}/${path.slice(0, Math.max(end, 0))}`, { recursive: true });
    if (text !== undefined) await Deno.writeTextFile(`${folder}/${path}`, text);
  }
}

/** Returns the paths of all files and folders in a folder. */
function paths(folder: string, under = ""): string[] {
  return [...Deno.readDirSync(`${folder}/${under}`)].flatMap(({ name, isDirectory }) => {
    const path = `${under}${name}`;
    return isDirectory ? [`${path}/`, ...paths(folder, `${path}/`)] : [path];
  }).sort();
}

Deno.test("refuseEarlierResult() refuses results in the folder and in numbered ones alone", () =>
  inFolder(async (folder) => {
    const held = [
      ...["result.json", "heatmap.npy", "overlay.png", "1-haze/result.json", "12/overlay.png"],
      "3-xray/2-left-pleural-effusion/heatmap.npy",
    ];
    for (const [i, path] of held.entries()) {
      await write(folder, { [`held ${i}/${path}`]: "" });
      const message = `Cannot write to "${folder}/held ${i}": it already holds results; ` +
        "choose another --out, or --overwrite them";
      await assertRejects(() => refuseEarlierResult(`${folder}/held ${i}`), Error, message);
    }
    await write(folder, {
      "foreign/notes.txt": "",
      "foreign/run.json": "{}",
      "foreign/other/result.json": "{}",
      "foreign/1-patients/list.csv": "",
      "foreign/2-empty": undefined,
      "foreign/result.json.bak": "",
    });
    for (const name of ["foreign", "foreign/2-empty", "missing", "foreign/notes.txt"]) {
      await refuseEarlierResult(`${folder}/${name}`);
    }
  }));

Deno.test("removeEarlierResult() removes a result's own files and leaves all others", () =>
  inFolder(async (folder) => {
    const result = { "result.json": RESULT, "heatmap.npy": "", "overlay.png": "" };
    const below = (name: string, files: Record<string, string>) =>
      Object.fromEntries(Object.entries(files).map(([path, text]) => [`${name}/${path}`, text]));
    const foreign = {
      "notes.txt": "mine",
      "1-haze/notes.txt": "mine",
      "4-mine/overlay.png": "mine",
      "5-mine/result.json": '{"phrase": "of another program"}',
      "other/result.json": RESULT,
      "elsewhere/result.json": RESULT,
    };
    await write(`${folder}/out`, {
      ...foreign,
      ...result,
      "attention.svg": "",
      ...below("1-haze", result),
      ...below("2-xray/1-haze", result),
      ...below("3-xray", result),
      "6-empty": undefined,
    });
    await Deno.symlink(`${folder}/out/elsewhere`, `${folder}/out/7-link`);
    await removeEarlierResult(`${folder}/out`);
    assertEquals(
      paths(`${folder}/out`),
      [
        ...Object.keys(foreign),
        ...["1-haze/", "4-mine/", "5-mine/", "other/", "elsewhere/", "6-empty/", "7-link"],
      ].sort(),
    );
    await removeEarlierResult(`${folder}/missing`);
  }));
