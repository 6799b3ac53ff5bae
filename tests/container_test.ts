import { assert, assertEquals, assertMatch } from "@std/assert";
import { validate } from "dockerfile-utils";
import manifest from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url);
const TEXT = await Deno.readTextFile(new URL("Dockerfile", ROOT));

/** Instructions of a Dockerfile without comments, each with its words. */
function instructions(text: string): string[][] {
  return text.replace(/^#.*\n/gm, "").replaceAll("\\\n", " ").trim().split("\n")
    .filter((line) => line !== "").map((line) => line.trim().split(/\s+/));
}

Deno.test("a linter finds no fault in the Dockerfile, and finds a planted one", () => {
  assertEquals(validate(TEXT).map(({ message }) => message), []);
  assert(validate(TEXT.replace("ENTRYPOINT", "ENTRYPONT")).length > 0);
  assert(validate(TEXT.replace("AS build", "AS build AS")).length > 0);
});

Deno.test("the container runs as an ordinary user, on pinned images, with nothing fetched by hand", () => {
  const all = instructions(TEXT);
  const last = all.slice(all.findLastIndex(([name]) => name === "FROM"));
  for (const [, image] of all.filter(([name]) => name === "FROM")) {
    assertMatch(image!, /:\d[\w.-]+$/, "a tag with a version");
  }
  const users = last.filter(([name]) => name === "USER");
  assertEquals(users.map(([, user]) => /^[1-9]\d*:[1-9]\d*$/.test(user!)), [true]);
  assertEquals(all.filter(([name]) => ["ADD", "EXPOSE", "VOLUME"].includes(name!)), []);
  assert(!/\b(curl|wget|apt-get|sudo|--allow-all|-A)\b/.test(TEXT));
  assertEquals(last.find(([name]) => name === "ENTRYPOINT"), ["ENTRYPOINT", '["groundray"]']);
  // The last image takes files of the first alone, and installs nothing.
  assertEquals(last.filter(([name]) => name === "RUN"), []);
  for (const [, from] of last.filter(([name]) => name === "COPY")) {
    assertEquals(from, "--from=build");
  }
});

Deno.test("the Dockerfile's tasks, Deno and ignored paths are those of the project", async () => {
  const tasks = [...TEXT.matchAll(/deno@(\S+) task (\S+)/g)];
  assertEquals(tasks.map(([, , name]) => name), ["package:npm"]);
  const { command } = manifest.tasks["package:npm"];
  const [, script] = command.match(/(\S+\.ts)$/)!;
  assert((await Deno.stat(new URL(script!, ROOT))).isFile);
  const package_ = await Deno.readTextFile(new URL("packaging/npm.ts", ROOT));
  const versions = new Set([...TEXT.matchAll(/deno@([\d.]+)/g)].map(([, version]) => version));
  assertEquals([...versions], [package_.match(/^const DENO = "(.*)";$/m)![1]]);
  const ignored = (await Deno.readTextFile(new URL(".dockerignore", ROOT))).trim().split("\n");
  // What the build reads must not be left out of its context.
  for (
    const path of ["deno.json", "deno.lock", "packaging", "cli", "models", "README.md", "LICENSE"]
  ) {
    assert(!ignored.includes(path), path);
    await Deno.stat(new URL(path, ROOT));
  }
  for (const path of ["node_modules", ".git"]) assert(ignored.includes(path), path);
});
