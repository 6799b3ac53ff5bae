import { assertEquals, assertRejects } from "@std/assert";
import { withPage } from "../support/chromium.ts";

Deno.test("withPage() has WebGPU, or none on request", async () => {
  for (const webgpu of [true, false]) {
    await withPage(async (page) => {
      await using server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        () => new Response("<!doctype html>", { headers: { "content-type": "text/html" } }),
      );
      await page.goto(`http://127.0.0.1:${server.addr.port}/`);
      const hasAdapter = await page.evaluate(async () =>
        Boolean(await (navigator as Navigator).gpu?.requestAdapter())
      );
      assertEquals(hasAdapter, webgpu);
    }, { webgpu, expected: webgpu ? [] : ["No available adapters"] });
  }
});

Deno.test("withPage() fails on an error of the page and on a foreign request", async () => {
  await assertRejects(
    () =>
      withPage(async (page) => {
        await page.goto("data:text/html,<script>throw new Error('broken')</script>");
      }),
    "broken",
  );
  await assertRejects(
    () =>
      withPage(async (page) => {
        await page.goto("data:text/html,<img src='http://example.invalid/x.png'>");
      }, { expected: ["ERR_"] }),
    "example.invalid",
  );
});
