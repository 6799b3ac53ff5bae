import { assert, assertEquals, assertMatch } from "@std/assert";
import { decodeParts, encodeParts } from "../parts.ts";
import type { Engine, Reply, Request as EngineRequest } from "../engine_messages.ts";
import { SocketEngine } from "../socket_engine.ts";
import type { AssetList } from "./assets.ts";
import { readRequest } from "./engine_socket.ts";
import { type RunningServer, startServer } from "./server.ts";

/** Makes a page of two files; one of them is a script with an import. */
async function makePage(folder: string): Promise<AssetList> {
  await Deno.writeTextFile(`${folder}/index.html`, `<!doctype html><title>${"x".repeat(999)}`);
  await Deno.writeTextFile(`${folder}/part.ts`, `export const WORD: string = "bundled";`);
  await Deno.writeTextFile(
    `${folder}/main.ts`,
    `import { WORD } from "./part.ts"; console.log(WORD);`,
  );
  await Deno.writeTextFile(`${folder}/secret.txt`, "secret");
  const file = (name: string) => new URL(`file://${folder}/${name}`);
  return new Map([
    ["/", { file: file("index.html") }],
    ["/main.js", { file: file("main.ts"), isScript: true }],
  ]);
}

/** Answers each request with a copy of the request, and counts the open engines. */
class EchoEngine implements Engine {
  static open = 0;
  onReply: (reply: Reply) => void = () => {};
  constructor() {
    EchoEngine.open++;
  }
  ask(request: EngineRequest): void {
    this.onReply({ kind: "identified", sha256: JSON.stringify(request) });
    if (request.kind !== "image") return;
    const { image, name, bytes } = request;
    const gray = { data: new Uint8Array(bytes), width: bytes.byteLength, height: 1 };
    this.onReply({ kind: "image", image, name, gray, crop: { x: 0, y: 0, side: 1 } });
  }
  close(): void {
    EchoEngine.open--;
  }
}

async function withServer(
  isLocked: boolean,
  test: (server: RunningServer, port: number, token: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  try {
    const assets = await makePage(folder);
    const createEngine = () => new EchoEngine();
    await using server = startServer({ port: 0, assets, ...(isLocked && { createEngine }) });
    const url = new URL(server.url);
    await test(server, Number(url.port), url.searchParams.get("token") ?? "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Sends a request unchanged, and returns the status and the rest of the answer. */
async function send(port: number, target: string, headers: readonly string[], method = "GET") {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const lines = [`${method} ${target} HTTP/1.1`, ...headers, "Connection: close", "", ""];
  await connection.write(new TextEncoder().encode(lines.join("\r\n")));
  let text = "";
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(2 ** 14);
  for (let read = await connection.read(chunk); read !== null;) {
    text += decoder.decode(chunk.subarray(0, read), { stream: true });
    read = await connection.read(chunk).catch(() => null);
  }
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text };
}

const UPGRADE = [
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
];

Deno.test("startServer() answers its own page's requests and nobody else's", () =>
  withServer(false, async (_, port) => {
    const own = `Host: 127.0.0.1:${port}`;
    const cases: [expected: number, headers: string[], method?: string, target?: string][] = [
      [200, [own]],
      [200, [`Host: LOCALHOST:${port}`]],
      [200, [own, `Origin: http://127.0.0.1:${port}`, "Sec-Fetch-Site: same-origin"]],
      [200, [own, "Sec-Fetch-Site: none"]],
      [200, [own], "HEAD"],
      [403, [`Host: evil.example:${port}`]],
      [403, ["Host: 127.0.0.1"]],
      [403, [`Host: 127.0.0.1:${port + 1}`]],
      [403, [`Host: 127.0.0.1.evil.example:${port}`]],
      [403, [`Host: [::1]:${port}`]],
      [403, [own], "GET", "http://evil.example/"],
      [403, [own, "Origin: http://evil.example"]],
      [403, [own, "Origin: null"]],
      [403, [own, `Origin: http://127.0.0.1:${port + 1}`]],
      [403, [own, `Origin: https://127.0.0.1:${port}`]],
      [403, [own, `Origin: http://localhost:${port}`]],
      [403, [own, "Sec-Fetch-Site: cross-site"]],
      [403, [own, "Sec-Fetch-Site: same-site"]],
      [405, [own, "Content-Length: 0"], "POST"],
      [405, [own], "DELETE"],
      [405, [own], "OPTIONS"],
      [414, [own], "GET", `/?${"x".repeat(3000)}`],
    ];
    for (const [expected, headers, method, target = "/"] of cases) {
      const { status, text } = await send(port, target, headers, method);
      assertEquals(status, expected, `${method} ${target} ${headers}`);
      if (expected !== 200 && method !== "HEAD") assertMatch(text, /\{"error":"[A-Z].{15,}"\}/);
      assertMatch(text, /content-security-policy: default-src 'none';/i);
    }
    // Without a Host header, the server has no name to compare.
    assert([400, 403].includes((await send(port, "/", [])).status));
  }));

Deno.test("startServer() reads no file by a request's address", () =>
  withServer(false, async (_, port) => {
    const targets = [
      "/secret.txt",
      "/main.ts",
      "/../secret.txt",
      "/main.js/../secret.txt",
      "/%2e%2e/secret.txt",
      "/..%2fsecret.txt",
      "/%2e%2e%2fsecret.txt",
      "/..%5csecret.txt",
      "/....//secret.txt",
      "/%c0%ae%c0%ae/secret.txt",
      "/%00",
      "//secret.txt",
      "/main.js%00",
      "/main.js/",
      "/file:///etc/passwd",
      "/etc/passwd",
      "/__proto__",
      "/api/",
      "/api/run",
      "/api/samples/0",
      "/api/engine",
    ];
    for (const target of targets) {
      const { status, text } = await send(port, target, [`Host: 127.0.0.1:${port}`]);
      assertEquals(status, 404, target);
      assert(!text.includes("secret"), target);
    }
  }));

Deno.test("startServer() sends files compressed, isolated, and only if they are others", () =>
  withServer(false, async (server) => {
    await server.prepare();
    for (const [path, type] of [["", "text/html"], ["main.js", "text/javascript"]] as const) {
      const url = server.url + path;
      const response = await fetch(url);
      assertEquals(response.status, 200);
      const text = await response.text();
      assert(text.includes(path ? "bundled" : "<!doctype html>"));
      const { headers } = response;
      assertEquals(headers.get("content-type"), `${type}; charset=utf-8`);
      for (
        const [name, value] of [
          ["cross-origin-opener-policy", "same-origin"],
          ["cross-origin-embedder-policy", "require-corp"],
          ["cross-origin-resource-policy", "same-origin"],
          ["x-content-type-options", "nosniff"],
          ["referrer-policy", "no-referrer"],
          ["cache-control", "no-cache"],
        ] as const
      ) assertEquals(headers.get(name), value);
      assert(
        !/unsafe-(inline|eval)|https?:/.test(
          headers.get("content-security-policy")!.replace("'wasm-unsafe-eval'", ""),
        ),
      );
      const etag = headers.get("etag")!;
      const again = await fetch(url, { headers: { "if-none-match": etag } });
      assertEquals([again.status, await again.text()], [304, ""]);
    }
    const { port } = new URL(server.url);
    const { text } = await send(Number(port), "/", [
      `Host: 127.0.0.1:${port}`,
      "Accept-Encoding: gzip",
    ]);
    assertMatch(text, /content-encoding: gzip/i);
  }));

Deno.test("startServer() guards paths by the token, which a ticket gives once", () =>
  withServer(true, async (server, port, token) => {
    const own = [`Host: 127.0.0.1:${port}`, `Origin: http://127.0.0.1:${port}`];
    assert(Uint8Array.fromBase64(token, { alphabet: "base64url" }).length >= 16);
    const wrong = token.slice(0, -1) + (token.endsWith("A") ? "B" : "A");
    for (const given of ["", "?token=", `?token=${wrong}`, `?token=${token}A`, "?token=%FF"]) {
      for (const path of ["/api/engine", "/api/run"]) {
        const { status } = await send(port, path + given, [...own, ...UPGRADE]);
        assertEquals(status, 403, path + given);
      }
    }
    const right = `/api/engine?token=${token}`;
    const foreign = [own[0]!, "Origin: http://evil.example", ...UPGRADE];
    assertEquals((await send(port, right, foreign)).status, 403);
    assertEquals((await send(port, right, [own[0]!, ...UPGRADE])).status, 403, "no origin");
    assertEquals((await send(port, right, own)).status, 400, "no upgrade");
    const bearer = [...own, `Authorization: Bearer ${token}`];
    assertEquals((await send(port, "/api/run", bearer)).status, 404);
    const { version, ...facts } = await (await fetch(new URL("/api/server", server.url))).json();
    assertMatch(version, /^\d+\.\d+\.\d+$/);
    assertEquals(facts, { on: "server", device: "auto", results: false, token: true });

    const opening = server.openingUrl();
    assert(!opening.includes(token));
    const first = await fetch(opening, { redirect: "manual" });
    await first.body?.cancel();
    assertEquals([first.status, first.headers.get("location")], [303, `/?token=${token}`]);
    const second = await fetch(opening, { redirect: "manual" });
    assertEquals(second.status, 200);
    assert(!(await second.text()).includes(token));
  }));

/** A socket with an origin, which Deno's own sockets lack. */
class PageSocket extends WebSocket {
  constructor(url: string | URL) {
    const { origin } = new URL(String(url).replace(/^ws/, "http"));
    // Deno accepts headers here; the browser's types, which apply as well, do not.
    super(url, { headers: { origin } } as never);
  }
}

async function withPageSockets(test: () => Promise<void>): Promise<void> {
  const original = globalThis.WebSocket;
  globalThis.WebSocket = PageSocket as typeof WebSocket;
  try {
    await test();
  } finally {
    globalThis.WebSocket = original;
  }
}

Deno.test("SocketEngine asks an engine behind the server, which is closed with it", () =>
  withServer(true, async (_, port, token) => {
    await withPageSockets(async () => {
      const url = `ws://127.0.0.1:${port}/api/engine?token=${token}`;
      const engine = new SocketEngine(url);
      const replies: Reply[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      engine.onReply = (reply) => {
        replies.push(reply);
        if (reply.kind === "image") resolve();
      };
      const ground = {
        ...{ kind: "ground", run: 1, image: 7, phrases: ["left “pleural” effusion"] } as const,
        settings: { steps: 10, layers: [9, 10] },
      };
      engine.ask(ground);
      const bytes = new Uint8Array([7, 8, 9]).buffer;
      engine.ask({ kind: "image", image: 7, name: "a.png", bytes });
      await promise;
      assertEquals(replies[0], { kind: "identified", sha256: JSON.stringify(ground) });
      assertEquals(replies[2], {
        ...{ kind: "image", image: 7, name: "a.png", crop: { x: 0, y: 0, side: 1 } },
        gray: { data: new Uint8Array([7, 8, 9]), width: 3, height: 1 },
      });
      assertEquals(EchoEngine.open, 1);
      engine.ask({ kind: "image", image: 8, name: "large", bytes: new ArrayBuffer(2 ** 26) });
      assertEquals(replies.at(-1), {
        ...{ kind: "failed", request: "image", image: 8 },
        message: 'Cannot send "large": its 67108976 bytes are more than 67107840',
      });

      // Open more pages than allowed; the server tells the last page why it is refused.
      const ended: Promise<unknown>[] = [];
      const sockets = [1, 2, 3, 4].map(() => new PageSocket(url));
      for (const socket of sockets) {
        ended.push(new Promise((resolve) => socket.onclose = resolve));
        socket.onerror = (event) => event.preventDefault();
      }
      const { reason } = await Promise.race(ended) as CloseEvent;
      assertMatch(reason, /^4 pages are open already/);
      assertEquals(sockets.filter(({ readyState }) => readyState === WebSocket.CLOSED).length, 1);
      // An invalid request ends the socket, even if the reason would repeat wide characters.
      const wide = `["${"漢".repeat(30)}",${"漢".repeat(30)}`;
      const header = new TextEncoder().encode(wide);
      const broken = new Uint8Array(4 + header.length);
      new DataView(broken.buffer).setUint32(0, header.length, true);
      broken.set(header, 4);
      for (const socket of sockets) {
        socket.onopen = () => socket.send(broken);
        if (socket.readyState === WebSocket.OPEN) socket.send(broken);
      }
      await Promise.all(ended);
      engine.close();
      while (EchoEngine.open > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    });
  }));

Deno.test("SocketEngine says that the server ended, of all that was asked and will be", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = () => socket.close(1000, "Server shutting down");
    return response;
  });
  const engine = new SocketEngine(`ws://127.0.0.1:${server.addr.port}/`);
  const failed: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  engine.onReply = (reply) => {
    if (reply.kind !== "failed") return;
    assertMatch(reply.message, /the address that it prints$/);
    failed.push([reply.request, reply.run]);
    if (reply.request === "open") resolve();
  };
  engine.ask({ kind: "image", image: 1, name: "a.png", bytes: new ArrayBuffer(1) });
  const ground = { kind: "ground", image: 1, phrases: ["effusion"], settings: {} } as const;
  engine.ask({ ...ground, run: 3 });
  await promise;
  engine.ask({ ...ground, run: 4 });
  assertEquals(failed, [
    ["image", undefined],
    ["ground", 3],
    ["open", undefined],
    ["ground", 4],
  ]);
});

Deno.test("readRequest() takes only a page's requests to this machine", () => {
  const read = (value: unknown) => readRequest(encodeParts(value).buffer);
  const settings = {};
  const good: EngineRequest[] = [
    { kind: "open", model: "demo", device: "auto" },
    { kind: "image", image: 1, name: "", bytes: new ArrayBuffer(3) },
    { kind: "ground", run: 0, image: 1, phrases: [], settings },
    { kind: "explore", run: 2, image: 1, phrase: "a", settings, columns: 5 },
    { kind: "cancel", run: 3 },
  ];
  for (const request of good) {
    assertEquals(read(request), request);
    assertEquals(decodeParts(encodeParts(request).buffer), request);
  }
  const bad: unknown[] = [
    ...[null, 1, "open", [], {}],
    { kind: "constructor" },
    { kind: "open", model: [{ path: "/etc/passwd" }], device: "auto" },
    { kind: "image", image: 1, name: "a", bytes: [1, 2] },
    { kind: "image", name: "a", bytes: new ArrayBuffer(3) },
    { kind: "ground", run: 0, image: 1, phrases: "text", settings },
    { kind: "ground", run: 0, image: 1, phrases: [1], settings },
    { kind: "ground", run: 0, image: 1, phrases: Array(257).fill("a"), settings },
    { kind: "ground", run: "0", image: 1, phrases: [], settings },
    { kind: "ground", run: 0, image: 1, phrases: [], settings: null },
    { kind: "ground", run: 0, phrases: [], settings },
    { kind: "explore", run: 0, image: 0.5, phrase: "a", settings, columns: 5 },
  ];
  for (const request of bad) {
    try {
      read(request);
    } catch (error) {
      assertMatch((error as Error).message, /^Cannot read a message: it is no request/);
      continue;
    }
    throw new Error(`taken: ${JSON.stringify(request)}`);
  }
});
