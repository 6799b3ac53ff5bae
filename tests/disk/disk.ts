/**
 * `deno task test:disk`: faults of a disk, on a small disk that each test mounts (root is needed).
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { writePhantomSet } from "../../datasets/phantom/phantom_set.ts";
import { inFolder, readOutput, runCommand } from "../support/command.ts";

const SETTINGS = ["--dataset", "set", "--steps", "10", "--noise", "sample"];

async function run(program: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await readOutput(program, { args });
  if (code !== 0) throw new Error(`Cannot ${program} (root is needed): ${stderr}`);
}

/** Runs a test in a folder with a dataset in `set` and a mounted disk in `disk`. */
function withDisk(size: string, test: (folder: string, disk: string) => Promise<void>) {
  return inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 8, images: 8 });
    const disk = `${folder}/disk`;
    await Deno.mkdir(disk);
    await run("mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", disk);
    try {
      await test(folder, disk);
    } finally {
      await run("umount", disk);
    }
  });
}

const evaluate = (folder: string, out: string, ...more: string[]) =>
  runCommand("eval", [...SETTINGS, "--out", out, ...more], folder);

Deno.test("a run on a full disk keeps its results, and goes on once there is room", () =>
  withDisk("24k", async (folder, disk) => {
    await evaluate(folder, "whole");
    const full = await evaluate(folder, "disk/out");
    assertEquals(full.code, 1, full.stderr);
    assertMatch(
      full.stderr,
      /[1-9]\d* scored, .*; results so far are in disk\/out\nerror: Cannot write "disk\/out\/.*": no space is left on the disk/,
    );
    await run("mount", "-o", "remount,size=16m", disk);
    const again = await evaluate(folder, "disk/out");
    assertEquals(again.code, 0, again.stderr);
    assertMatch(again.stderr, /; [1-9]\d* done before\./);
    for (const name of ["results.jsonl", "heatmaps.bin"]) {
      const [one, other] = ["disk/out", "whole"].map((out) =>
        Deno.readFile(`${folder}/${out}/${name}`)
      );
      assertEquals(await one, await other, name);
    }
  }));

Deno.test("a disk without room for the attention of a run refuses the run before it begins", () =>
  withDisk("200k", async (folder, disk) => {
    const { code, stderr } = await evaluate(folder, "disk/out", "--keep", "all");
    assertEquals(code, 1, stderr);
    assertMatch(
      stderr,
      /error: Cannot keep attention in "disk\/out": it takes [\d.]+ KB a phrase, .* the disk has/,
    );
    assertEquals([...Deno.readDirSync(disk)], []);
  }));

Deno.test("a read-only disk gives one sentence, and its results do not change", () =>
  withDisk("16m", async (folder, disk) => {
    await evaluate(folder, "disk/out");
    const before = await Deno.readFile(`${disk}/out/results.jsonl`);
    await run("mount", "-o", "remount,ro", disk);
    for (const out of ["disk/out", "disk/new"]) {
      const { code, stderr } = await evaluate(folder, out);
      assertEquals(code, 1, stderr);
      assertMatch(stderr, /^error: Cannot write to folder "disk\/.*": the disk is read-only/m);
    }
    assertEquals(await Deno.readFile(`${disk}/out/results.jsonl`), before);
  }));
