/**
 * The command's call: as a task of the project, or by its name after `groundray`.
 *
 * @module
 */

import type { Command, Flags } from "../kit/flags.ts";

/** A call of a command. */
export interface Call {
  /** Address of the command's module; the worker of a confined command loads it. */
  readonly script: string;
  /** Arguments before the command's own: its name after `groundray`, nothing for a task. */
  readonly before: readonly string[];
  /** The command's own arguments. */
  readonly args: readonly string[];
}

let current: Call | undefined;

/** Receives the declaration of a command in place of a run; see {@linkcode declarationOf}. */
let receive: ((declaration: Command<Flags>) => void) | undefined;

/** Sets the call; without it a module is a task, and the arguments of the process are its own. */
export function useCall(call: Call): void {
  current = call;
}

/** Returns the call of this process. */
export function callOfProcess(): Call {
  return current ?? { script: Deno.mainModule, before: [], args: Deno.args };
}

/** Tells if the module of `meta` is the command that was called, and not an import of a test. */
export function isCalled(meta: Pick<ImportMeta, "main" | "url">): boolean {
  return meta.main || receive !== undefined || callOfProcess().script === meta.url;
}

/** Names commands in a text as they were called: messages and declarations name them as tasks. */
export function asCalled(text: string): string {
  const { before } = callOfProcess();
  return before.length === 0 ? text : text.replaceAll("deno task ", "groundray ");
}

/** Gives the declaration to {@linkcode declarationOf} if it waits; then the command must not run. */
export function isOnlyDeclared<F extends Flags>(declaration: Command<F>): boolean {
  receive?.(declaration);
  return receive !== undefined;
}

/**
 * Returns the declaration of a command without a run of it.
 *
 * @param script Address of the command's module, which this process must not have imported yet.
 */
export async function declarationOf(script: string): Promise<Command<Flags>> {
  const { promise, resolve, reject } = Promise.withResolvers<Command<Flags>>();
  receive = resolve;
  try {
    await import(script);
    reject(new Error(`"${script}" declares no command`));
    return await promise;
  } finally {
    receive = undefined;
  }
}
