import { assertEquals, assertMatch } from "@std/assert";
import manifest from "../deno.json" with { type: "json" };
import { writePhantomSet } from "../mod.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { copy } from "./support/copy.ts";

const QUICK = ["--noise", "sample", "--steps", "10", "--device", "cpu"];

Deno.test("each command's task has a permission set of its own, with what it needs alone", () => {
  const commands = Object.entries(manifest.permissions);
  for (const [name, set] of commands) {
    const { command } = manifest.tasks[name as keyof typeof manifest.permissions];
    const script = `cli/${name.replace(":", "_")}.ts`;
    assertEquals(command, `deno run --quiet --no-prompt -P=${name} ${script}`);
    const { env, ffi = ["node_modules"], ...others } = set as typeof set & { ffi?: string[] };
    assertEquals([ffi, env.includes("INIT_CWD")], [["node_modules"], true]);
    const more = name === "serve"
      ? { net: ["127.0.0.1"], run: ["xdg-open", "open", "explorer"] }
      : { write: true, ...(name === "cluster:slurm" && { run: ["sbatch"] }) };
    assertEquals<object>(others, { read: true, ...more });
  }
});

Deno.test("eval cannot write outside --out, read outside its inputs, or reach anything else", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 3, images: 1 });
    await Deno.mkdir(`${folder}/out`);
    for (const name of ["secret.txt", "secret.js", "out/own.txt"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    const before = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    const args = ["--dataset", "set", ...QUICK, "--out", "out"];
    const { code, stderr } = await runCommand("eval", args, folder, { fault: "try_to_escape.ts" });
    assertEquals(code, 0, stderr);
    for (const thread of ["first", "second"]) {
      assertMatch(stderr, new RegExp(`^${thread} thread: \\d+ attempts, not denied: none$`, "m"));
    }
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), before);
    assertMatch(await Deno.readTextFile(`${folder}/out/results.jsonl`), /"status":"scored"/);
  }));

Deno.test("a run reads and writes behind links, and from where it was called", () =>
  inFolder(async (folder) => {
    const { csv } = await writePhantomSet(`${folder}/disk/set`, { seed: 3, images: 1 });
    await Deno.symlink(`${folder}/disk/set`, `${folder}/set`);
    // A model hub's folder: every file is a link to where its bytes are.
    await copy(new URL("../models/demo", import.meta.url).pathname, `${folder}/disk/model`);
    await Deno.mkdir(`${folder}/model`);
    for await (const { name, isFile } of Deno.readDir(`${folder}/disk/model`)) {
      if (isFile) await Deno.rename(`${folder}/disk/model/${name}`, `${folder}/disk/${name}.blob`);
      const target = isFile ? `../disk/${name}.blob` : `${folder}/disk/model/${name}`;
      await Deno.symlink(target, `${folder}/model/${name}`);
    }
    await Deno.mkdir(`${folder}/disk/made`);
    await Deno.symlink("disk/made", `${folder}/made`);
    const env = { INIT_CWD: folder };
    const options = ["--model", "model", "--cache", "kept", "--limit", "1", ...QUICK];
    const images = [];
    for (const [runtime, dataset] of [["native", "set"], ["wasm", csv.replace("/disk/", "/")]]) {
      const out = `made/${runtime}`;
      const args = ["--dataset", dataset!, "--runtime", runtime!, "--out", out, ...options];
      const { code, stderr } = await runCommand("eval", args, "/", { env });
      assertEquals(code, 0, stderr);
      const result = JSON.parse(await Deno.readTextFile(`${folder}/${out}/results.jsonl`));
      assertEquals(result.status, "scored");
      images.push(result.image);
    }
    // Without --out: below the folder that it was called from.
    const args = ["--image", images[0], "--phrase", "left pleural effusion", ...QUICK];
    const { code, stdout, stderr } = await runCommand("ground", args, "/", { env });
    assertEquals(code, 0, stderr);
    const [own] = [...Deno.readDirSync(`${folder}/out`)];
    assertMatch(stdout, new RegExp(`; out/${own!.name}\n$`));
  }));
