#!/usr/bin/env node
// The command `groundray` of the npm package: starts the package's own Deno with the permissions of
// one command. Plain JavaScript, since Node runs this file.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";

const own = createRequire(import.meta.url);

/** Path of a file of this package. */
const fileAt = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Path of the program in the npm package of Deno for this machine. */
function findDeno() {
  const { platform, arch } = process;
  const name = `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`;
  try {
    // The platform's package is a dependency of `deno`, whose own script would copy the program.
    const deno = createRequire(own.resolve("deno/package.json"));
    return deno.resolve(`${name}/deno${platform === "win32" ? ".exe" : ""}`);
  } catch {
    throw new Error(
      `Cannot find Deno for this machine: npm did not install its optional package ${name}; ` +
        "there are packages for Linux with glibc, macOS and Windows, on x64 and arm64",
    );
  }
}

const args = process.argv.slice(2);
const config = fileAt("deno.json");
const { permissions } = JSON.parse(readFileSync(config, "utf8"));
const name = args[0] === "help" ? args[1] : args[0];
// The overview, the version and completions only read this package.
const set = name !== undefined && Object.hasOwn(permissions, name) ? name : "validate";
const options = ["--quiet", "--no-prompt", "--no-lock", "--cached-only", `--config=${config}`];
try {
  const child = spawn(
    findDeno(),
    ["run", ...options, `-P=${set}`, fileAt("cli/groundray/groundray.js"), ...args],
    // Paths are relative to this folder; npm names the folder of a script's caller.
    { stdio: "inherit", env: { ...process.env, INIT_CWD: "", DENO_NO_UPDATE_CHECK: "1" } },
  );
  // A terminal sends Ctrl-C to both processes; the command may still finish its work.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
  child.on("error", ({ message }) => fail(`Cannot start Deno: ${message}`));
} catch (error) {
  fail(error.message);
}

function fail(message) {
  console.error(`error: ${message}`);
  process.exitCode = 1;
}
