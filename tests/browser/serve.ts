import "../../base/host/deno/mod.ts";
import { assertEquals } from "@std/assert";
import type { AssetList } from "../../web/server/assets.ts";
import { startServer } from "../../web/server/server.ts";
import { inFolder } from "../support/command.ts";
import { withPage } from "../support/chromium.ts";

async function makePage(folder: string): Promise<AssetList> {
  const text = `<!doctype html><title>page</title><link rel="icon" href="data:,">
    <script>document.title = "inline"</script>
    <script type="module" src="main.js"></script>`;
  await Deno.writeTextFile(`${folder}/index.html`, text);
  await Deno.writeTextFile(`${folder}/main.ts`, `document.title += " and script";`);
  const file = (name: string) => new URL(`file://${folder}/${name}`);
  return new Map([
    ["/", { file: file("index.html") }],
    ["/main.js", { file: file("main.ts"), isScript: true }],
  ]);
}

/** Attempts of another site's page to use the server; text, because it runs in the browser. */
const ATTACK = `async (url) => {
  const frame = document.createElement("iframe");
  frame.src = url;
  const shown = new Promise((resolve) => frame.onload = resolve);
  const script = document.createElement("script");
  script.src = url + "main.js";
  const ran = new Promise((resolve) => {
    script.onload = () => resolve("ran");
    script.onerror = () => resolve("refused");
  });
  document.body.append(frame, script);
  const socket = new WebSocket(url.replace("http", "ws") + "api/engine");
  const connected = new Promise((resolve) => {
    socket.onopen = () => resolve("connected");
    socket.onerror = () => resolve("refused");
  });
  await shown;
  return [
    await fetch(url).then(() => "fetched", () => "refused"),
    await fetch(url, { mode: "no-cors" }).then(() => "fetched", () => "refused"),
    await ran,
    await connected,
    frame.contentDocument?.title ?? "refused",
  ];
}`;

Deno.test("the served page is isolated, and its own scripts alone run", () =>
  inFolder(async (folder) => {
    await using server = startServer({ port: 0, assets: await makePage(folder) });
    await withPage(async (page) => {
      await page.goto(server.url);
      await page.waitForFunction(`document.title !== "page"`);
      assertEquals(await page.title(), "page and script");
      assertEquals(await page.evaluate("crossOriginIsolated"), true);
    }, { expected: ["Executing inline script violates"] });
  }));

Deno.test("another site's page gets nothing from the server", () =>
  inFolder(async (folder) => {
    await using server = startServer({ port: 0, assets: await makePage(folder) });
    await using other = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("<!doctype html>", { headers: { "content-type": "text/html" } }),
    );
    await withPage(async (page) => {
      await page.goto(`http://127.0.0.1:${other.addr.port}/`);
      const got = await page.evaluate(`(${ATTACK})(${JSON.stringify(server.url)})`);
      assertEquals(got, Array(5).fill("refused"));
    }, { expected: ["403", "CORS", "ERR_", "frame-ancestors", "WebSocket", "Framing"] });
  }));
