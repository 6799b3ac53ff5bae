import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { inFolder, readOutput, runCommand } from "../support/command.ts";

const PAGE = await Deno.readTextFile(new URL("../../docs/python.md", import.meta.url));

/** Blocks of the page in a language, in order. */
const blocks = (language: string) =>
  [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "gm"))].map(([, text]) =>
    text!
  );

/** Makes the arrays that the second block writes; each marks the first box of its sample. */
const OWN = `
import glob, pandas as pd, numpy as np
runs = pd.read_json("out/results.jsonl", lines=True)
def mark(row):
    heat = np.zeros(np.load(glob.glob(f"maps/npy/{row.index + 1}-*.npy")[0]).shape)
    x, y, w, h = row.boxes[0]; heat[y:y + h, x:x + w] = 1
    return heat
heatmaps = [(row.image, row.phrase, mark(row)) for row in runs.itertuples()]
`;

Deno.test("docs/python.md reads a run, and writes heatmaps that are scored", () =>
  inFolder(async (folder) => {
    const python = async (code: string) => {
      await Deno.writeTextFile(`${folder}/code.py`, code);
      const { code: status, stdout, stderr } = await readOutput("/usr/bin/python3", {
        args: ["code.py"],
        cwd: folder,
      });
      assertEquals(status, 0, stderr);
      return stdout;
    };
    const shell = async (text: string) => {
      for (const [, command, rest] of text.matchAll(/^npx -y deno task (\w+) (.*)$/gm)) {
        const { code, stderr } = await runCommand(command!, rest!.split(" "), folder);
        assertEquals(code, 0, stderr);
      }
    };
    const [read, write] = blocks("python");
    const [make, score] = blocks("sh");
    await shell(make!);
    const printed = await python(read!);
    assertMatch(printed, /^category/m);
    assertEquals(printed.match(/^phantom-\S+ .* -?0\.\d+$/gm)?.length, 6, printed);

    await python(OWN + write!);
    await shell(score!.replace("my.csv", "out/phantoms --limit 6"));
    const summary = JSON.parse(await Deno.readTextFile(`${folder}/scored/summary.json`));
    assertEquals(summary.counts.scored, 6);
    // A heatmap of the truth itself has the best AUC-ROC wherever it has a single box.
    assert(summary.average.aucRoc > 0.9, JSON.stringify(summary.average));
  }));
