import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { UsageError } from "./flags.ts";
import { methodSources } from "./method_sources.ts";

const sources = (method: string, parts = {}) =>
  methodSources({ method, model: [], ...parts }, ["ldm", "daam"], new Set());

Deno.test("methodSources() takes the U-Net's folder for a model of parts alone", async () => {
  for (const [, { source }] of await sources("ldm,daam", { unet: "tuned", vae: "kl" })) {
    assertEquals(source, "tuned");
  }
  assertMatch((await sources("daam", { vae: "kl" })).get("daam")!.source, /demo$/);
});

Deno.test("methodSources() keeps the order of methods, and refuses names that clash", async () => {
  assertEquals([...(await sources("b/own.ts, ldm,a.js,ldm")).keys()], ["own", "ldm", "a"]);
  const cases = {
    "a/ldm.ts": 'the name "ldm" belongs to a method of Groundray',
    "a/own.ts,b/own.js": 'Option "--method" has two methods with the name "own"',
    "ldm,a/2.ts": 'the module\'s name must begin with a letter, got "2"',
    "./.ts": 'the module\'s name must begin with a letter, got ""',
  };
  for (const [method, message] of Object.entries(cases)) {
    await assertRejects(() => sources(method), UsageError, message);
  }
});
