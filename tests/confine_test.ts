import "../base/host/deno/mod.ts";
import { assertEquals, assertMatch } from "@std/assert";
import manifest from "../deno.json" with { type: "json" };
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import { folderOf } from "../base/paths.ts";
import { inFolder, readOutput, runCommand } from "./support/command.ts";
import { copy } from "./support/copy.ts";
import { writeGray } from "./support/image.ts";

const QUICK = ["--noise", "sample", "--steps", "10", "--device", "cpu"];

Deno.test("each command's task has a permission set of its own, with no permission too many", () => {
  const commands = Object.entries(manifest.permissions);
  for (const [name, set] of commands) {
    const { command } = manifest.tasks[name as keyof typeof manifest.permissions];
    const script = `cli/${name.replace(":", "/")}.ts`;
    assertEquals(command, `deno run --quiet --no-prompt -P=${name} ${script}`);
    const { env, ffi = ["node_modules"], ...others } = set as typeof set & { ffi?: string[] };
    assertEquals([ffi, env.includes("INIT_CWD")], [["node_modules"], true]);
    const more = name === "serve"
      ? { net: ["127.0.0.1"], run: ["xdg-open", "open", "explorer"] }
      : name === "get"
      ? { write: true, net: true, sys: ["statfs"] }
      : name === "doctor"
      // Without this permission Deno keeps LD_LIBRARY_PATH from the processes.
      ? { run: true }
      : name === "validate"
      ? {}
      : name === "eval"
      // The room on the disk of --out, for --keep.
      ? { write: true, sys: ["statfs"] }
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

Deno.test("the native runtime leaves no mark of its telemetry in the home folder", () =>
  inFolder(async (folder) => {
    const home = `${folder}/home`;
    await Deno.mkdir(home);
    const args = ["--limit", "1", "--runtime", "native", "--out", "out"];
    // The runtime keeps quiet by itself in some services for tests, which set CI.
    const { denoDir } = JSON.parse((await readOutput("deno", { args: ["info", "--json"] })).stdout);
    const env = { HOME: home, XDG_CACHE_HOME: "", CI: "", DENO_DIR: denoDir };
    const { code, stderr } = await runCommand("eval", args, folder, { env });
    assertEquals(code, 0, stderr);
    assertEquals(await Array.fromAsync(Deno.readDir(home)), []);
  }));

Deno.test("a run reads and writes behind links, and from where it was called", () =>
  inFolder(async (folder) => {
    const { csv } = await writePhantomSet(`${folder}/disk/set`, { seed: 3, images: 1 });
    await Deno.symlink(`${folder}/disk/set`, `${folder}/set`);
    // Like a model hub's cache: every file is a link to its contents elsewhere.
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
    // Without `--out`, the output goes below the folder that the command was called from.
    const args = ["--image", images[0], "--phrase", "left pleural effusion", ...QUICK];
    const { code, stdout, stderr } = await runCommand("ground", args, "/", { env });
    assertEquals(code, 0, stderr);
    const [own] = [...Deno.readDirSync(`${folder}/out`)];
    assertMatch(stdout, new RegExp(`; out/${own!.name}\n$`));
  }));

Deno.test("a run reads images by any spelling and behind its owner's links, and none outside", () =>
  inFolder(async (made) => {
    const folder = await Deno.realPath(made);
    const data = new Uint8Array(64 * 64).map((_, i) => i);
    for (const path of ["disk/p10/a.png", "disk/b.png", "data/own/c.png", "data/secret.png"]) {
      await Deno.mkdir(`${folder}/${folderOf(path)}`, { recursive: true });
      await writeGray(`${folder}/${path}`, { width: 64, height: 64, data });
    }
    await Deno.symlink("../../disk", `${folder}/data/own/files`);
    await Deno.symlink("../../disk/b.png", `${folder}/data/own/single.png`);
    await Deno.symlink("data/own", `${folder}/images`);
    await Deno.symlink(`${folder}/data`, `${folder}/elsewhere`);
    await Deno.symlink("data/secret.png", `${folder}/secret.png`);
    await Deno.mkdir(`${folder}/disk/runs`);
    await Deno.symlink("disk/runs", `${folder}/runs`);
    const inside = {
      "files/p10/a.png": "files/p10/a.png",
      "single.png": "single.png",
      "own\\..\\c.png": "c.png",
      [`${folder}/data/own/files/b.png`]: "files/b.png",
      [`${folder}/elsewhere/own/c.png`]: "c.png",
      [`${folder}/disk/b.png`]: "files/b.png",
      "elsewhere/own/single.png": "single.png",
    };
    const outside = [
      "../secret.png",
      "/etc/passwd",
      `${folder}/secret.png`,
      "elsewhere/secret.png",
    ];
    const rows = [...Object.keys(inside), ...outside].map((path, i) =>
      `${path},phrase ${i},1,1,9,9`
    );
    await Deno.writeTextFile(`${folder}/rows.csv`, ["image,phrase,x,y,w,h", ...rows].join("\n"));
    const read = async (out: string) =>
      (await Deno.readTextFile(`${folder}/${out}/results.jsonl`)).trim().split("\n")
        .map((line) => JSON.parse(line));
    const run = async (command: string, args: string[], expected: number, cwd = folder) => {
      const { code, stdout, stderr } = await runCommand(command, args, cwd);
      assertEquals(code, expected, stderr);
      return stdout + stderr;
    };

    const args = ["--dataset", "rows.csv", "--images", "images", ...QUICK, "--out", "runs/a"];
    await run("eval", args, 3);
    const results = await read("runs/a");
    const scored = results.filter(({ status }) => status === "scored");
    assertEquals(
      scored.map(({ image }) => image),
      Object.values(inside).map((path) => `images/${path}`),
    );
    const failed = results.filter(({ status }) => status === "failed");
    assertEquals(failed.slice(0, 3).map(({ image }) => image), outside.slice(0, 3));
    for (const { reason } of failed.slice(0, 3)) assertMatch(reason, /outside the image folder/);
    assertMatch(failed[3].reason, /there is no such file/);

    // Later commands read the same images, and still no image that was refused.
    await run("report", ["runs/a", "--out", "page.html"], 0);
    const page = await Deno.readTextFile(`${folder}/page.html`);
    assertEquals(page.match(/id="image-\d+"/g)!.length, 5);
    assertEquals(page.match(/data-missing="[^"]*"/g)!.length, 1);
    const notices = await run("convert", ["runs/a", "--to", "nifti,boxes", "--out", "runs/b"], 0);
    assertMatch(notices, /nifti \(7 files\)/);

    // The boxes serve as dataset and as predictions, under any name of the root.
    const boxes = `${folder}/runs/b/boxes.csv`;
    const roots = [["../images", "data"], [`${folder}/images/`, "disk"], ["elsewhere/own", "."]];
    for (const [i, [root, cwd]] of roots.entries()) {
      const again = ["--method", "boxes", "--predictions", boxes, "--dataset", boxes];
      const out = ["--images", root!, "--out", `${folder}/runs/c${i}`];
      await run("eval", [...again, ...out], 0, `${folder}/${cwd}`);
      const scores = (await read(`runs/c${i}`)).map(({ miou }) => miou);
      assertEquals(scores, scored.map(() => 1));
    }
  }));
