/**
 * Runs `groundray`, and at its end prints a JSON line on stderr with the permissions that are left.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };

const NAMES = ["read", "write", "net", "run", "sys", "ffi"] as const;
const VARIABLES = new Set(Object.values(manifest.permissions).flatMap(({ env }) => env));

const exit = Deno.exit;
Deno.exit = (code) => {
  const granted = [
    ...NAMES.filter((name) => Deno.permissions.querySync({ name }).state === "granted"),
    ...[...VARIABLES].filter((variable) =>
      Deno.permissions.querySync({ name: "env", variable }).state === "granted"
    ),
  ];
  console.error(JSON.stringify(granted));
  return exit(code);
};
await import("../../cli/groundray/groundray.ts");
