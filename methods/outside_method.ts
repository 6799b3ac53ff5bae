import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { nameOf, stemOf } from "../base/paths.ts";
import { isTraining } from "../datasets/training.ts";
import type { Method } from "../pipeline/method.ts";
import type { MethodRow } from "./method_row.ts";

/** A name of `--method` is the path of a module if it has a slash or a script's ending. */
export function isModule(name: string): boolean {
  return /[/\\]|\.(?:ts|js|mjs)$/.test(name);
}

/** Name of a module's method in results: the module's name without its ending. */
export function moduleName(path: string): string {
  return stemOf(nameOf(path));
}

/** Files of a module's method: a path that the user may give, empty otherwise. */
export const MODULE_SOURCE = { option: "model", default: "" } as const;

/**
 * Imports a method from a module. The module's default export is a {@linkcode MethodRow}. The facts
 * of the method gain its label and the SHA-256 of the module. A run then refuses to go on with
 * another version of the module.
 *
 * @param path Path of the module.
 * @throws {Error} If the module cannot be read, or has no such export.
 */
export async function importMethod(path: string): Promise<MethodRow> {
  const bytes = await Deno.readFile(path).catch((error: Error) => {
    throw new Error(`Cannot read method "${path}": ${error.message}`);
  });
  const imported: Promise<{ default?: Partial<MethodRow> }> = import(pathToFileURL(path).href);
  const { default: row } = await imported.catch((error: unknown) => {
    // A TypeError here is an error of the module, and no bug of this program.
    throw new Error(`Cannot import method "${path}": ${messageOf(error)}`, { cause: error });
  });
  const { label, gives, choose } = row ?? {};
  if (
    typeof label !== "string" || typeof choose !== "function" ||
    (gives !== "heatmaps" && gives !== "boxes")
  ) {
    throw new Error(
      `Cannot take a method from "${path}": expected a default export with label, gives and choose()`,
    );
  }
  const trained = row!.trained?.({});
  if (trained !== undefined && !isTraining(trained)) {
    throw new Error(
      `Cannot take a method from "${path}": expected trained() to return a list of ` +
        "{ dataset, splits? }, with names as texts",
    );
  }
  const facts = { label, module: { sha256: createHash("sha256").update(bytes).digest("hex") } };
  return {
    ...row as MethodRow,
    source: MODULE_SOURCE,
    choose: async (...args) => {
      const chosen = await choose(...args);
      const open: typeof chosen.open = async (whole) => {
        const method: Partial<Method> = await chosen.open(whole);
        if (typeof method?.ground === "function" && typeof method.close === "function") {
          return method as Method;
        }
        throw new Error(
          `Cannot take a method from "${path}": expected open() to return ground() and close()`,
        );
      };
      return { ...chosen, facts: { ...facts, ...chosen.facts }, open };
    },
  };
}

/** First line of an error's message, without the places in files that Deno adds. */
function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n")[0]!.replace(/^SyntaxError: /, "");
}
