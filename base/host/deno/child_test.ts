import { assertEquals, assertMatch } from "@std/assert";
import { runChild } from "./child.ts";

/** Runs a script; returns its reports, and why it failed. */
async function run(script: string, seconds = 60, program = "deno") {
  const reports: unknown[] = [];
  const onReport = (report: unknown) => void reports.push(report);
  const failure = await runChild(["eval", "--quiet", script], { seconds, onReport, program });
  return { reports, failure };
}

Deno.test("a child's reports come whole, whatever else it prints", async () => {
  const script = `console.log("{half"); console.log('{"a":1}'); console.log('{"b":[{}]}')`;
  assertEquals(await run(script), { reports: [{ a: 1 }, { b: [{}] }], failure: undefined });
});

Deno.test("a child that fails keeps its reports, and the reason names its end", async () => {
  const print = `console.log('{"a":1}');`;
  const bug = await run(`${print} throw new Error("no such thing")`);
  assertEquals(bug.reports, [{ a: 1 }]);
  assertMatch(bug.failure!, /^its process ended with code 1 \(.*no such thing\)$/);
  assertEquals(
    (await run(`${print} Deno.kill(Deno.pid, "SIGKILL")`)).failure,
    "its process ended by SIGKILL",
  );
  const late = await run(`${print} setTimeout(() => {}, 1e6)`, 5);
  assertEquals(late.failure, "it did not end within 5 s");
});

Deno.test("a program that is not installed is named", async () => {
  const { failure } = await run("", 60, "groundray-no-such-program");
  assertEquals(failure, "groundray-no-such-program is not installed");
});
