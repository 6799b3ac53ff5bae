/**
 * The server of the page.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import type { Engine } from "../protocol.ts";
import type { ServerFacts } from "../results.ts";
import { type AssetList, Assets } from "./assets.ts";
import { engineSockets } from "./engine_socket.ts";
import { AccessKey } from "./key.ts";
import { refusal } from "./refusal.ts";
import { respond, respondError, respondJson } from "./responses.ts";
import { RunApi } from "./run_api.ts";
import type { ServedRun } from "./served_run.ts";

/** What is served, and where. */
export interface ServerOptions {
  /** Port of 127.0.0.1; 0 takes any that is free. */
  readonly port: number;
  /** The page's files. */
  readonly assets: AssetList;
  /**
   * Where the page is to compute.
   *
   * @default {"auto"}
   */
  readonly device?: ServerFacts["device"];
  /**
   * A run to review, behind a token.
   *
   * @default {undefined}
   */
  readonly run?: ServedRun;
  /**
   * Makes an engine of this machine, behind a token.
   *
   * @default {undefined}
   */
  readonly createEngine?: () => Engine;
}

/** A server that runs. */
export interface RunningServer extends AsyncDisposable {
  /** Address of the page, with the token where there is one. */
  readonly url: string;
  /**
   * Makes the page's scripts, which takes a second or two; it is done when they are asked
   * for otherwise.
   *
   * @throws {Error} If they cannot be made.
   */
  prepare(): Promise<void>;
  /** An address that leads to the page once, for a command line that others may read. */
  openingUrl(): string;
  /** Settles once it has ended. */
  readonly finished: Promise<void>;
}

/**
 * Starts the server. It listens at 127.0.0.1 alone, and answers only its own page.
 *
 * @throws {Deno.errors.AddrInUse} If the port is taken.
 */
export function startServer(
  { port, assets: list, device = "auto", run, createEngine }: ServerOptions,
): RunningServer {
  const assets = new Assets(list);
  const key = run || createEngine ? new AccessKey() : undefined;
  const runApi = run && new RunApi(run);
  const connect = createEngine && engineSockets(createEngine);
  const facts: ServerFacts = {
    version: manifest.version,
    on: createEngine ? "server" : "page",
    device,
    results: run !== undefined,
    token: key !== undefined,
  };

  async function answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const ticket = url.searchParams.get("ticket");
    if (url.pathname === "/" && ticket !== null && key?.takeTicket(ticket)) {
      return respond(null, { location: `/?token=${key.token}` }, 303);
    }
    if (url.pathname === "/api/server") return respondJson(facts);
    if (url.pathname.startsWith("/api/")) {
      if (key && !key.admits(request)) {
        return respondError("Open the page by the address that the server printed", 403);
      }
      if (url.pathname === "/api/engine" && connect) return connect(request);
      return await runApi?.answer(url) ?? respondError("There is nothing at this address", 404);
    }
    return await assets.respond(request) ?? respondError("There is nothing at this address", 404);
  }

  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, async (request) => {
    const refused = refusal(request, server.addr.port);
    if (refused) return respondError(refused.message, refused.status);
    try {
      return await answer(request);
    } catch (error) {
      return respondError((error as Error).message, 500);
    }
  });
  const root = `http://127.0.0.1:${server.addr.port}/`;
  return {
    url: key ? `${root}?token=${key.token}` : root,
    prepare: () => assets.prepare(),
    openingUrl: () => key ? `${root}?ticket=${key.issueTicket()}` : root,
    finished: server.finished,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      runApi?.[Symbol.dispose]();
    },
  };
}
