import "../base/host/deno/mod.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import { DEMO, DEMO_SHA256 } from "../methods/ldm/ldm.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { inFolder, runCommand } from "./support/command.ts";

/** Writes phantoms as MS-CXR with splits, and predicted boxes for each phrase. */
async function writeSet(folder: string): Promise<void> {
  const { csv } = await writePhantomSet(`${folder}/set`, { seed: 3, images: 8 });
  const text = (await Deno.readTextFile(csv)).replaceAll(/phantom-(\d{4}-\d{4})(?!\.jpg)/g, "x-$1");
  await Deno.writeTextFile(csv, text);
  const [header = "", ...lines] = text.trim().split(/\r?\n/);
  const names = header.split(",");
  const rows = lines.map((line) => line.split(","));
  const cells = ["path", "label_text", "x", "y", "w", "h"].map((name) => names.indexOf(name));
  await Deno.writeTextFile(
    `${folder}/boxes.csv`,
    ["image,phrase,x,y,w,h", ...rows.map((row) => cells.map((at) => row[at]).join())].join("\n"),
  );
}

async function evaluate(folder: string, out: string, ...more: string[]) {
  const args = ["--dataset", "set", "--method", "boxes", "--predictions", "boxes.csv"];
  const { code, stdout, stderr } = await runCommand(
    "eval",
    [...args, "--out", out, ...more],
    folder,
  );
  const lines = code > 1 ? [] : (await Deno.readTextFile(`${folder}/${out}/results.jsonl`)).trim()
    .split("\n").map((line) => JSON.parse(line));
  return { code, stdout, last: stderr.trim().split("\n").at(-1), lines };
}

Deno.test("a table marks a method that was trained on its samples, and counts them", () =>
  inFolder(async (folder) => {
    await writeSet(folder);
    const plain = await evaluate(folder, "plain");
    assertEquals([plain.code, plain.lines.some((line) => "split" in line)], [0, false]);
    assertEquals(plain.stdout.includes("‡"), false);
    const stated = ["--trained-on", "ms-cxr:val", "--protocol", "union"];
    const { code, lines, stdout } = await evaluate(folder, "run", ...stated);
    assertEquals(code, 0);
    const seen = lines.filter(({ split }) => split === "val").length;
    assertEquals(seen > 0 && seen < lines.length, true);
    const note =
      `trained on ms-cxr:val; by the dataset's splits ${seen} of ${lines.length} scored ` +
      "samples were in it";
    assertMatch(stdout, /\nPredicted boxes ‡\n[\s\S]*\nPredicted boxes ‡: union\n/);
    const read = (name: string) => Deno.readTextFile(`${folder}/run/${name}`);
    for (const name of ["table.md", "protocols.md", "report.html"]) {
      const text = (await read(name)).replaceAll("&#39;", "'");
      assertEquals([name, text.includes(`‡ Predicted boxes: ${note}.`)], [name, true]);
    }
    assertMatch(await read("table.tex"), /Predicted boxes \$\^\{\\ddagger\}\$/);
    assertEquals((await read("table.csv")).includes(`this run; ${note}`), true);
    const summary = JSON.parse(await read("summary.json"));
    assertEquals(summary.splits, { test: lines.length - seen, val: seen });
    assertEquals(summary.methods.boxes.trained, [{ dataset: "ms-cxr", splits: ["val"] }]);
    const board = await runCommand("leaderboard", ["plain", "run"], folder);
    assertMatch(
      board.stdout,
      new RegExp(`Predicted boxes ‡ +\\d+ +run .* ${seen} +[0-9a-f]{12}\n`),
    );
    assertMatch(board.stdout, / Predicted boxes +\d+ +plain [^‡\n]* unknown +[0-9a-f]{12}\n/);
    const compared = await runCommand("compare", ["plain", "run"], folder);
    assertEquals(compared.stdout.includes(`\nrun: ${note}.\n`), true);
    const checked = await runCommand("validate", ["run"], folder);
    assertMatch(checked.stdout, /^(?:.*\n)*No difference in /);
    // A run of one split tells the split of all samples.
    const part = await evaluate(folder, "part", "--split", "val");
    assertEquals(part.code, 0);
    await Deno.writeTextFile(
      `${folder}/part/run.json`,
      (await Deno.readTextFile(`${folder}/part/run.json`))
        .replace('"boxes": {', '"boxes": {"trained": [{"dataset": "ms-cxr", "splits": ["val"]}],'),
    );
    const rescored = await runCommand("rescore", ["part", "--out", "again"], folder);
    assertMatch(
      rescored.stdout,
      new RegExp(`splits ${seen} of ${seen} scored samples were in it\\.`),
    );
  }));

Deno.test("a statement on training may differ when a run goes on, and a wrong one is refused", () =>
  inFolder(async (folder) => {
    await writeSet(folder);
    assertEquals((await evaluate(folder, "run", "--trained-on", "ms-cxr:val")).code, 0);
    assertEquals((await evaluate(folder, "run", "--trained-on", "boxes=laion")).code, 0);
    for (
      const [args, message] of [
        [["a b"], /^Option "--trained-on" must be datasets with splits, .*, got "a b"$/],
        [["ldm=laion"], /^Option "--trained-on" must name a method, such as boxes=SETS, got/],
        [["laion", "boxes=laion"], /^Option "--trained-on" is there twice for boxes$/],
      ] as const
    ) {
      const given = args.flatMap((text) => ["--trained-on", text]);
      const found = await evaluate(folder, "other", ...given);
      assertEquals(found.code, 2);
      assertMatch(found.last!, message);
    }
  }));

Deno.test("a module states its training, and the registry knows the bundled model", async () => {
  const bundle = await loadBundle(DEMO);
  assertEquals(await bundle.hash(), DEMO_SHA256);
  await inFolder(async (folder) => {
    await writeSet(folder);
    const write = (trained: string) =>
      Deno.writeTextFile(
        `${folder}/mine.ts`,
        `export default { label: "Mine", gives: "boxes", source: undefined, flags: {},
  trained: () => ${trained},
  choose: () => Promise.resolve({ facts: {}, source: {}, open: () => Promise.resolve({
    close: () => Promise.resolve(),
    async *ground(source) {
      for await (const { item: { samples } } of source) {
        for (const sample of samples) {
          const scores = { absCnr: NaN, cnr: NaN, miou: 1, aucRoc: NaN };
          yield { kind: "item", item: { sample, predicted: sample.boxes, scores } };
        }
      }
    },
  }) }),
};\n`,
      );
    const run = (out: string) =>
      runCommand("eval", ["--dataset", "set", "--method", "./mine.ts", "--out", out], folder);
    await write('[{ dataset: "mimic-cxr", splits: ["test"] }]');
    const { code, stdout, stderr } = await run("run");
    assertEquals(code, 0, stderr);
    assertMatch(
      stdout,
      /‡ Mine: trained on mimic-cxr:test; by the dataset's splits (\d+) of \d+ scored samples were in it, and of \d+ it is not known\./,
    );
    await write('["mimic-cxr"]');
    const wrong = await run("wrong");
    assertEquals(wrong.code, 1);
    assertMatch(wrong.stderr, /expected trained\(\) to return a list of \{ dataset, splits\? \}/);
  });
});
