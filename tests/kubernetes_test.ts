import { assertEquals, assertMatch } from "@std/assert";
import { parseAll } from "@std/yaml";
import type { IJob } from "kubernetes-models/batch/v1";
import { EXIT } from "../cli/kit/exit.ts";
import { inFolder, readOutput } from "./support/command.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);

/** Types of Kubernetes objects, generated from the API's schema. */
const TYPES: Readonly<Record<string, string>> = {
  Job: 'import("kubernetes-models/batch/v1").IJob',
  NetworkPolicy: 'import("kubernetes-models/networking.k8s.io/v1").INetworkPolicy',
};

async function manifest(name: string): Promise<{ kind: string }[]> {
  return parseAll(await Deno.readTextFile(`${ROOT}cluster/kubernetes/${name}.yaml`));
}

/** Type-checks objects as literals, which may have no unknown fields; returns the errors. */
async function check(folder: string, objects: readonly { kind: string }[]): Promise<string> {
  const lines = objects.map((object, i) =>
    `export const object${i}: ${TYPES[object.kind]} = ${JSON.stringify(object)};\n`
  );
  await Deno.writeTextFile(`${folder}/objects.ts`, lines.join(""));
  const args = ["check", "--quiet", "--config", `${ROOT}deno.json`, `${folder}/objects.ts`];
  return (await readOutput("deno", { args, env: { NO_COLOR: "1" } })).stderr;
}

Deno.test("the objects for Kubernetes fit its API", () =>
  inFolder(async (folder) => {
    assertEquals(await check(folder, [...await manifest("job"), ...await manifest("merge")]), "");
  }));

Deno.test("the test finds an object that does not fit the API of Kubernetes", () =>
  inFolder(async (folder) => {
    const text = JSON.stringify((await manifest("job"))[0]);
    const cases: [string, string, RegExp][] = [
      ["maxFailedIndexes", "maxFailedIndices", /'"?maxFailedIndices"?' does not exist/],
      ['"FailIndex"', '"FailShard"', /Type '"FailShard"' is not assignable/],
      ['"readOnly":true', '"readOnly":"yes"', /Type 'string' is not assignable to type 'boolean'/],
      ['"operator":"In",', "", /Property '"?operator"?' is missing/],
    ];
    const errors = await check(
      folder,
      cases.map(([from, to]) => JSON.parse(text.replace(from, to))),
    );
    for (const [, , message] of cases) assertMatch(errors, message);
  }));

Deno.test("the Kubernetes jobs know the exit codes and the number of shards", async () => {
  const [[job], [merge]] = await Promise.all(
    ["job", "merge"].map(manifest),
  ) as unknown as [[IJob], [IJob]];
  const action = (code: number) =>
    job.spec!.podFailurePolicy!.rules
      .find(({ onExitCodes }) => onExitCodes?.values.includes(code))?.action;
  assertEquals(
    Object.fromEntries(Object.entries(EXIT).map(([name, code]) => [name, action(code)])),
    {
      ok: undefined,
      // The container's command turns this exit code into success.
      failures: undefined,
      error: "FailIndex",
      usage: "FailJob",
      tooManyFailures: "FailIndex",
      interrupted: "Ignore",
    },
  );
  const script = ({ spec }: IJob) => spec!.template.spec!.containers[0]!.args![0]!;
  const { completions } = job.spec!;
  assertMatch(script(job), new RegExp(`--shard auto/${completions} `));
  assertMatch(script(merge), new RegExp(`run_merge "\\$GROUNDRAY" /out ${completions}\n`));
});
