import "../base/host/deno/mod.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { readResults } from "../runs/read_results.ts";
import { inFolder, readOutput, runCommand } from "./support/command.ts";
import { makeSet } from "./support/set.ts";

const ROOT = new URL("../", import.meta.url).href;

/** A module with a method: the same Gaussian in the centre for every image and phrase. */
const TOY = `
import { gridMethod, type MethodRow } from "${ROOT}mod.ts";

const SIDE = 16;
const values = Float32Array.from({ length: SIDE * SIDE }, (_, i) => {
  const [x, y] = [i % SIDE - 7.5, Math.floor(i / SIDE) - 7.5];
  return Math.exp(-(x * x + y * y) / 32);
});

const row: MethodRow = {
  label: "Centre Gaussian",
  gives: "heatmaps",
  source: undefined,
  flags: {},
  choose: () => {
    const view = { crop: 1, resized: 1 };
    return Promise.resolve({
      facts: { view },
      source: {},
      open: () =>
        Promise.resolve(gridMethod({
          view,
          ground: (_, phrases) => {
            if (phrases.some((phrase) => phrase.includes("bug"))) undefined!.length;
            return Promise.resolve(phrases.map(() => ({ values, side: SIDE })));
          },
        })),
    });
  },
};
export default row;
`;

Deno.test("a method is a module: eval, ground, report and merge take it from outside", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 3);
    await Deno.mkdir(`${folder}/my`);
    await Deno.writeTextFile(`${folder}/my/toy.ts`, TOY);
    const method = ["--method", "my/toy.ts", "--dataset", "set"];
    const whole = await runCommand("eval", [...method, "--out", "whole"], folder);
    assertEquals(whole.code, 3, whole.stderr); // one image of the set is corrupt
    assertMatch(whole.stdout, /Centre Gaussian/);
    const record = JSON.parse(await Deno.readTextFile(`${folder}/whole/run.json`));
    assertEquals(record.facts.method, "toy");
    assertMatch(record.facts.methods.toy.module.sha256, /^[0-9a-f]{64}$/);
    const scored = [];
    for await (const { result } of readResults(`${folder}/whole/results.jsonl`)) {
      if (result.status === "scored") scored.push(result.miou);
    }
    assertEquals(scored.length > 1 && scored.every((miou) => miou > 0 && miou < 1), true);

    for (const shard of ["1/2", "2/2"]) {
      await runCommand(
        "eval",
        [...method, "--shard", shard, "--out", `part${shard[0]}`],
        folder,
      );
    }
    const merged = await runCommand("merge", ["part1", "part2", "--out", "merged"], folder);
    assertEquals(merged.code, 3, merged.stderr);
    for (const name of ["results.jsonl", "heatmaps.bin", "table.md"]) {
      const read = (run: string) => Deno.readFile(`${folder}/${run}/${name}`);
      assertEquals(await read("merged"), await read("whole"), name);
    }
    const rescored = await runCommand("rescore", ["whole", "--out", "again"], folder);
    assertEquals(rescored.code, 3, rescored.stderr);
    const report = await runCommand("report", ["whole", "--out", "report.html"], folder);
    assertEquals(report.code, 0, report.stderr);

    const image = new URL("../docs/phantom.jpg", import.meta.url).pathname;
    const ground = ["--method", "my/toy.ts", "--image", image, "--phrase", "haze"];
    const one = await runCommand("ground", [...ground, "--out", "one"], folder);
    assertEquals([one.code, one.stdout], [0, "haze: whole heatmap; one\n"], one.stderr);
    const { method: name } = JSON.parse(await Deno.readTextFile(`${folder}/one/result.json`));
    assertEquals(name, "toy");

    await Deno.writeTextFile(`${folder}/my/none.ts`, "export default { label: 3 };\n");
    const none = await runCommand("eval", ["--method", "my/none.ts", "--out", "none"], folder);
    assertEquals(none.code, 1);
    assertMatch(none.stderr, /"my\/none\.ts": expected a default export with label, gives and/);
  }));

/** The first block of code after a text of a page in `docs/`. */
async function blockOf(page: string, after: string, language: string): Promise<string> {
  const text = await Deno.readTextFile(new URL(`../docs/${page}`, import.meta.url));
  const block = text.slice(text.indexOf(after)).split(`\n\`\`\`${language}\n`)[1]!;
  return block.slice(0, block.indexOf("\n```") + 1);
}

Deno.test("the method in docs/method.md runs as it is written there, with and without a model", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 2);
    await Deno.mkdir(`${folder}/mine/weights`, { recursive: true });
    await Deno.writeTextFile(`${folder}/mine/weights/prior.json`, '{"spread": 0.1}');
    const example = await blockOf("method.md", "## 6. A method of your own", "ts ignore");
    assertEquals(example.split("\n").length <= 31, true);
    await Deno.writeTextFile(`${folder}/mine/side_prior.ts`, example);
    const config = `--config=${new URL("deno.json", ROOT).pathname}`;
    const checked = await readOutput("deno", {
      args: ["check", config, "mine/side_prior.ts"],
      cwd: folder,
    });
    assertEquals(checked.code, 0, checked.stderr);
    const spreads: number[] = [];
    for (const model of [[], ["--model", "side_prior=mine/weights"], ["--model", "mine/weights"]]) {
      const args = ["--method", "mine/side_prior.ts", ...model, "--dataset", "set", "--no-report"];
      const out = `out${spreads.length}`;
      const { code, stderr } = await runCommand("eval", [...args, "--out", out], folder);
      assertEquals(code, 3, stderr); // one image of the set is corrupt
      const record = JSON.parse(await Deno.readTextFile(`${folder}/${out}/run.json`));
      const { view, spread } = record.facts.methods.side_prior;
      assertEquals(view, "whole");
      spreads.push(spread);
    }
    assertEquals(spreads, [0.2, 0.1, 0.1]);
    const beside = ["--method", "biovil,mine/side_prior.ts", "--model", "side_prior=mine/weights"];
    const { code, stderr } = await runCommand("eval", beside, folder);
    assertEquals(code, 2);
    assertMatch(stderr, /"--method biovil" needs "--model biovil=DIR"/);
  }));

/** A module that tries what the user did not grant, and reads what the user named. */
const THIEF = `
import { gridMethod } from "groundray";

const ATTEMPTS = {
  "read a file beside the inputs": () => Deno.readTextFile("secret.txt"),
  "read the system's files": () => Deno.readTextFile("/etc/passwd"),
  "write beside the outputs": () => Deno.writeTextFile("escaped", ""),
  "write to its own folder": () => Deno.writeTextFile("my/escaped", ""),
  "write to its model": () => Deno.writeTextFile("weights/escaped", ""),
  "fetch": () => fetch("http://127.0.0.1:8080/"),
  "listen": () => Deno.listen({ port: 0 }),
  "run a program": () => new Deno.Command("deno").output(),
  "read the environment": () => Deno.env.get("PATH"),
  "load a module": () => import("http://127.0.0.1:8080/a.js"),
};

export default {
  label: "Thief",
  gives: "heatmaps",
  source: undefined,
  flags: {},
  async choose(folder) {
    const own = await Deno.readTextFile("my/own.txt") + await Deno.readTextFile(folder + "/w.txt");
    const done = [];
    for (const [name, act] of Object.entries(ATTEMPTS)) {
      try {
        await act();
        done.push(name);
      } catch (error) {
        const isDenied = error.name === "NotCapable" || /^Requires \\w+ access to/.test(error.message);
        if (!isDenied) done.push(name + ": " + error);
      }
    }
    throw new Error(own + " read; not denied: " + (done.join(", ") || "none"));
  },
};
`;

Deno.test("a module reads only its own folder and the paths that the options name", () =>
  inFolder(async (folder) => {
    await makeSet(folder, 1);
    for (const name of ["my", "weights"]) await Deno.mkdir(`${folder}/${name}`);
    for (const path of ["secret.txt", "my/own.txt", "weights/w.txt"]) {
      await Deno.writeTextFile(`${folder}/${path}`, path);
    }
    await Deno.writeTextFile(`${folder}/my/thief.js`, THIEF);
    const args = ["--method", "my/thief.js", "--dataset", "set", "--model", "weights"];
    const { code, stderr } = await runCommand("eval", [...args, "--out", "out"], folder);
    assertEquals(code, 1);
    assertMatch(stderr, /my\/own\.txtweights\/w\.txt read; not denied: none\n$/);
  }));
