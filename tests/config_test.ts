import "../base/host/deno/mod.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { createHash } from "node:crypto";
import { inFolder, runCommand } from "./support/command.ts";
import { copyRuns } from "./support/old_runs.ts";

const STUDY = `# paths are relative to this file
method: boxes
dataset: ../set/rows.csv
predictions: ../boxes.csv
protocol: [union, rec]
out: ../run
report: false
`;

Deno.test("eval --config runs a study from a file, confined to its paths, with its hash in the record", () =>
  inFolder(async (folder) => {
    await copyRuns(folder);
    await Deno.mkdir(`${folder}/studies`);
    const study = `${folder}/studies/boxes.yaml`;
    await Deno.writeTextFile(study, STUDY);
    await Deno.writeTextFile(
      `${folder}/boxes.csv`,
      "image,phrase,x,y,w,h\nwide.dcm,left pleural effusion,30,30,20,20\n",
    );
    const run = (...args: string[]) => runCommand("eval", args, folder);
    const record = async (name: string) =>
      JSON.parse(await Deno.readTextFile(`${folder}/${name}/run.json`));
    const first = await run("--config", "studies/boxes.yaml");
    assertEquals(first.code, 3, first.stderr); // one image of the set is corrupt
    const { facts } = await record("run");
    const hash = (text: string) => createHash("sha256").update(text).digest("hex");
    assertEquals(facts.config, { sha256: hash(STUDY) });
    assertEquals(facts.protocols, ["union", "rec"]);
    assertEquals(
      [...Deno.readDirSync(`${folder}/run`)].some(({ name }) => name === "report.html"),
      false,
    );
    // The same options by themselves give the same results, and no hash.
    const given = ["--method", "boxes", "--dataset", "set/rows.csv", "--predictions", "boxes.csv"];
    const plain = await run(...given, "--protocol", "union,rec", "--out", "plain");
    assertEquals(plain.code, 3, plain.stderr);
    const { config: _, ...rest } = facts;
    assertEquals((await record("plain")).facts, rest);
    const read = (name: string) => Deno.readTextFile(`${folder}/${name}/results.jsonl`);
    assertEquals((await read("run")).replaceAll("studies/../", ""), await read("plain"));
    // A changed file with the same settings goes on, and other settings do not.
    await Deno.writeTextFile(study, `${STUDY}# a remark\n`);
    const again = await run("--config", "studies/boxes.yaml", "--retry-failed");
    assertEquals(again.code, 3, again.stderr);
    assertEquals((await record("run")).facts.config, { sha256: hash(STUDY) });
    const summary = JSON.parse(await Deno.readTextFile(`${folder}/run/summary.json`));
    assertEquals(summary.config, { sha256: hash(`${STUDY}# a remark\n`) });
    const other = await run("--config=studies/boxes.yaml", "--protocol", "union");
    assertEquals(other.code, 1);
    assertMatch(other.stderr, /Cannot go on in "studies\/\.\.\/run": its run differs in protocols/);
    const wrong = await run("--config", "studies/boxes.yaml", "--dataset", "none.csv");
    assertEquals(wrong.code, 1);
    assertMatch(wrong.stderr, /"none\.csv"/);
    await Deno.writeTextFile(study, `${STUDY}protocols: all\n`);
    const unknown = await run("--config", "studies/boxes.yaml");
    assertEquals([unknown.code, unknown.stderr.trim()], [
      2,
      'Cannot read "studies/boxes.yaml", line 8: unknown option "protocols": did you mean "protocol"?',
    ]);
  }));
