import { assertEquals, assertRejects } from "@std/assert";
import { fetchBytes } from "./fetch_bytes.ts";

Deno.test("fetchBytes() names the file that is not there, and that of a server that is gone", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ url }) => url.endsWith("/a") ? new Response("abc") : new Response(null, { status: 404 }),
  );
  const url = (name: string) => new URL(`http://127.0.0.1:${server.addr.port}/models/${name}`);
  assertEquals(await fetchBytes(url("a")), new TextEncoder().encode("abc"));
  const fail = 'Cannot load "/models/b": ';
  await assertRejects(() => fetchBytes(url("b")), Error, `${fail}the server says 404`);
  await server.shutdown();
  await assertRejects(() => fetchBytes(url("b")), Error, `${fail}its server does not answer`);
});
