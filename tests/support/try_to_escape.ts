/**
 * Runs `eval` and attempts forbidden actions in each of its threads. A line on stderr names the
 * attempts that were not denied.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";

const secret = `${Deno.cwd()}/secret`;

const ATTEMPTS: Record<string, () => unknown> = {
  "read a file beside the inputs": () => Deno.readTextFile("secret.txt"),
  "read it by way of an input": () => Deno.readTextFile("set/../secret.txt"),
  "read it as Node": () => readFileSync("secret.txt"),
  "read it as an address": () => fetch(`file://${secret}.txt`),
  "load a module": () => import(`${secret}.js`),
  "list the folder": () => Array.fromAsync(Deno.readDir(".")),
  "read the system's files": () => Deno.readTextFile("/etc/passwd"),
  "read the project's files": () => Deno.stat(new URL("../../deno.json", import.meta.url)),
  "write beside the outputs": () => Deno.writeTextFile("escaped", ""),
  "write by way of an output": () => Deno.writeTextFile("out/../escaped", ""),
  "write as Node": () => writeFile("escaped", ""),
  "write to the inputs": () => Deno.writeTextFile("set/escaped", ""),
  "write to the temporary folder": () => Deno.makeTempFile(),
  "make a folder": () => Deno.mkdir("escaped"),
  "remove a file": () => Deno.remove("secret.txt"),
  "move an output": () => Deno.rename("out/own.txt", "escaped"),
  "link from the outputs": () => Deno.symlink("/etc", "out/link"),
  "connect": () => Deno.connect({ port: 9 }),
  "fetch": () => fetch("http://127.0.0.1:8080/"),
  "listen": () => Deno.listen({ port: 0 }),
  "run a program": () => new Deno.Command("deno").output(),
  "run it as Node": () => execFileSync("deno"),
  "read the environment": () => Deno.env.get("PATH"),
  "load a library": () => Deno.dlopen("out/own.txt", {}),
  "ask for the host": () => Deno.hostname(),
};

async function attempt(thread: string): Promise<void> {
  const done: string[] = [];
  for (const [name, act] of Object.entries(ATTEMPTS)) {
    try {
      await act();
      done.push(name);
    } catch (error) {
      // A forbidden import throws a TypeError; recognise it by its message.
      const { name: kind, message } = error as Error;
      const isDenied = kind === "NotCapable" || /^Requires \w+ access to/.test(message);
      if (!isDenied) done.push(`${name}: ${error}`);
    }
  }
  const count = Object.keys(ATTEMPTS).length;
  console.error(`${thread} thread: ${count} attempts, not denied: ${done.join(", ") || "none"}`);
}

/** Waits until the main thread gives up its permissions, after it has loaded the program. */
async function waitForConfinement(): Promise<void> {
  while ((await Deno.permissions.query({ name: "read" })).state === "granted") {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

if ("WorkerGlobalScope" in globalThis) await attempt("second");
else waitForConfinement().then(() => attempt("first"));
await import("../../cli/eval.ts");
