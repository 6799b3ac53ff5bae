import "../../base/host/deno/mod.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { writePhantomSet } from "../../datasets/phantom/phantom_set.ts";
import { inFolder, runCommand } from "../support/command.ts";
import { type Cluster, inCluster, until } from "./cluster.ts";

/** Settings whose samples take long enough to signal a shard between its first and its last. */
const SETTINGS = ["--dataset", "set", "--steps", "40", "--noise", "sample"];

/** Settings that take a thousand passes, several seconds, before the first result. */
const SLOW_SETTINGS = ["--dataset", "set", "--steps", "1000"];

const read = (path: string) => Deno.readTextFile(path);

/** Submits an evaluation as a user would; returns the job numbers of the array and of the merge. */
async function submit(
  cluster: Cluster,
  args: string[],
  settings = SETTINGS,
): Promise<[string, string]> {
  const { code, stdout, stderr } = await cluster.task("cluster:slurm", ...args, ...settings);
  assertEquals(code, 0, stderr);
  const [array, merge] = Array.from(stdout.matchAll(/: job (\d+);/g), ([, number]) => number!);
  return [array!, merge!];
}

/** Returns the final states and exit codes of a job, by the index of the array's task. */
async function outcomes(cluster: Cluster, job: string): Promise<Record<string, string>> {
  const text = await cluster.run("scontrol", "show", "job", job, "--oneliner");
  return Object.fromEntries(
    text.split("\n").map((line) => {
      const [task, state, code] = ["ArrayTaskId", "JobState", "ExitCode"]
        .map((name) => new RegExp(` ${name}=(\\S+)`).exec(line)?.[1]);
      return [task ?? "", `${state} ${code}`];
    }),
  );
}

const ended = (cluster: Cluster, job: string) =>
  until(`job ${job} has ended`, async () => await cluster.run("squeue", "--noheader") === "");

const resultsIn = (folder: string) =>
  until(`${folder} has results`, async () => {
    const { size } = await Deno.stat(`${folder}/results.jsonl`).catch(() => ({ size: 0 }));
    return size > 0;
  });

/**
 * Signals a task as Slurm does before the time limit, and again once it waits for the sample in
 * hand. The second signal takes the place of the limit itself: no sample ends before it, however
 * fast the machine.
 */
async function end(cluster: Cluster, task: string, log: () => Promise<string>): Promise<void> {
  const signal = () => cluster.run("scancel", "--signal=TERM", "--batch", task);
  await until("the task grounds", async () => (await log()).includes("Grounding"));
  await signal();
  await until("the task is stopping", async () => (await log()).includes("Stopping after"));
  await signal();
}

Deno.test("an evaluation on Slurm survives a lost node, a time limit and a failed shard", () =>
  inFolder((folder) =>
    inCluster(folder, async (cluster) => {
      const { csv } = await writePhantomSet(`${folder}/set`, { seed: 6, images: 20 });
      const image = /files\/[^,]*\.jpg/.exec((await read(csv)).split("\n").at(-2)!)![0];
      await Deno.writeFile(`${folder}/set/${image}`, new Uint8Array([0xff, 0xd8, 0xff]));

      // A file in place of the shard's folder makes shard 2 fail.
      await Deno.mkdir(`${folder}/out`);
      await Deno.writeTextFile(`${folder}/out/shard-2`, "");
      const common = ["--shards", "4", "--out", "out"];
      const [array, merge] = await submit(cluster, common);
      await resultsIn(`${folder}/out/shard-3`);
      await cluster.lose(await cluster.run("squeue", "-h", `-j${array}_3`, "--format=%N"));
      // Slurm sends this signal before the time limit. The last task's job number is the array's.
      await resultsIn(`${folder}/out/shard-4`);
      await cluster.run("scancel", "--signal=TERM", "--batch", `${array}_4`);
      await ended(cluster, array);

      const log = (name: string) => read(`${folder}/out/${name}.log`);
      for (const shard of ["shard-3", "shard-4"]) {
        assertMatch(await log(shard), /attempt 1\.\n[^]*attempt 2\.\n[^]*; \d+ done before\.\n/);
      }
      assertMatch(await log("shard-4"), /Stopped before its time ends; queued again\.\n/);
      assertEquals((await log("shard-1")).match(/attempt/g)?.length, 1);
      assertMatch(await log("shard-2"), /error: Cannot write to folder ".*shard-2"/);
      assertEquals(await outcomes(cluster, array), {
        ...{ 1: "COMPLETED 0:0", 2: "FAILED 1:0", 3: "COMPLETED 0:0", 4: "COMPLETED 0:0" },
      });
      assertEquals(await outcomes(cluster, merge), { "": "FAILED 1:0" });
      assertMatch(await log("merge"), /error: Cannot read ".*shard-2"/);

      await Deno.remove(`${folder}/out/shard-2`);
      const [again, mergeAgain] = await submit(cluster, [...common, "--only", "2"]);
      await ended(cluster, again);
      assertEquals(await outcomes(cluster, again), { 2: "COMPLETED 0:0" });
      assertEquals(await outcomes(cluster, mergeAgain), { "": "FAILED 3:0" });
      const logs = await Promise.all([1, 2, 3, 4].map((number) => log(`shard-${number}`)));
      assertEquals(logs.join("").match(/Done, but some samples failed/g)?.length, 1);

      const whole = await runCommand("eval", [...SETTINGS, "--out", "whole"], folder);
      assertEquals(whole.code, 3, whole.stderr);
      const [merged, expected] = ["out/merged", "whole"]
        .map((name) => read(`${folder}/${name}/results.jsonl`));
      assertEquals(await merged, await expected);

      // A job that is cancelled, or that never finishes a sample, must not be queued again.
      const only = (shard: string) => ["--shards", "2", "--only", shard, "--out", "last"];
      const [cancelled] = await submit(cluster, only("1"));
      const [short] = await submit(cluster, only("2"), SLOW_SETTINGS);
      const lastLog = (shard: number) => read(`${folder}/last/shard-${shard}.log`).catch(() => "");
      await Promise.all([
        resultsIn(`${folder}/last/shard-1`)
          .then(() => cluster.run("scancel", `${cancelled}_1`)),
        end(cluster, `${short}_2`, () => lastLog(2)),
      ]);
      await ended(cluster, short);
      assertMatch(await lastLog(1), /The job is being ended; its results so far stay\.\n/);
      assertMatch(await lastLog(2), /error: The time from start to signal was too short/);
      assertMatch((await outcomes(cluster, cancelled))[1]!, /^CANCELLED/);
      assertEquals((await outcomes(cluster, short))[2], "FAILED 1:0");
    })
  ));
