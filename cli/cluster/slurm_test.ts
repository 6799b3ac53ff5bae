import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../kit/flags.ts";
import { planJobs } from "./slurm.ts";

const plan = (args: readonly string[]) => planJobs(args, "/home/me", "/opt/deno");
const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

Deno.test("planJobs submits an array of shards and a merge, and hands the rest to eval", () => {
  const jobs = plan([
    ...["--", "--shards", "8", "--dataset", "ms-cxr", "--out=out/50%/", "--limit=9"],
    ...["--sbatch", "--partition=cpu", "--sbatch=--mem=8G", "--no-otsu"],
  ])!;
  const scripts = `${root}/cluster/slurm`;
  const common = ["/opt/deno", root, "8", "/home/me/out/50%"];
  assertEquals(jobs.array, [
    ...["--parsable", "--array=1-8", "--output=/home/me/out/50%%/shard-%a.log"],
    ...["--partition=cpu", "--mem=8G", `${scripts}/shard.sbatch`, ...common],
    ...["--dataset", "ms-cxr", "--limit=9", "--no-otsu"],
  ]);
  assertEquals(jobs.merge("17"), [
    ...["--parsable", "--dependency=afterany:17", "--output=/home/me/out/50%%/merge.log"],
    ...["--partition=cpu", "--mem=8G", `${scripts}/merge.sbatch`, ...common],
  ]);
});

Deno.test("planJobs runs chosen shards again and merges all", () => {
  const jobs = plan(["--shards", "8", "--out", "/o", "--only", "3, 5"]);
  assertEquals(jobs?.array.slice(0, 2), ["--parsable", "--array=3,5"]);
  assertEquals(jobs?.merge("1").slice(-2), ["8", "/o"]);
});

Deno.test("planJobs() refuses impossible options", () => {
  const cases: [string[], string][] = [
    [["--out", "o"], 'Option "--shards" is needed'],
    [["--shards", "2"], 'Option "--out" is needed'],
    [["--shards", "2", "--out"], 'Option "--out" needs a value'],
    [["--shards", "0", "--out", "o"], "must be a whole number"],
    [["--shards", "2", "--out", "o", "--only", "3"], "numbers of shards from 1 to 2"],
    [["--shards", "2", "--out", "o", "--only", "1-2"], 'such as 1,2, got "1-2"'],
    [["--shards", "2", "--out", "o", "--shard", "1/2"], 'Option "--shard" cannot be used here'],
    [["--shards", "2", "--out", "o", "--overwrite"], "every attempt would start again"],
    [["--shards", "2", "--out", "o", "--no-resume"], "no attempt could go on"],
  ];
  for (const [args, message] of cases) assertThrows(() => plan(args), UsageError, message);
  assertEquals(plan(["--help"]), undefined);
});
