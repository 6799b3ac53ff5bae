import { assert } from "@std/assert";
import { buildScript, PAGE_SCRIPT } from "./build_script.ts";

Deno.test("the script of reports is built from the page's code as it stands", async () => {
  const isSame = await Deno.readTextFile(PAGE_SCRIPT) === await buildScript();
  assert(isSame, "page_script.js is older than the page's code: run deno task build:report");
});
