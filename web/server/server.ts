/**
 * The server that shows the page on this machine.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { sentenceOf } from "../../base/errors.ts";
import type { Engine } from "../engine_messages.ts";
import type { ServerFacts } from "../review_api.ts";
import { type AssetList, Assets } from "./assets.ts";
import { engineSockets } from "./engine_socket.ts";
import { AccessKey } from "./key.ts";
import { refusal } from "./refusal.ts";
import { respond, respondError, respondJson } from "./responses.ts";
import { RunApi } from "./run_api.ts";
import type { ServedRun } from "./served_run.ts";

/** Options of {@linkcode startServer}. */
export interface ServerOptions {
  /** Port of 127.0.0.1; 0 takes any free port. */
  readonly port: number;
  /** Sources of the page's files. */
  readonly assets: AssetList;
  /**
   * Device that the page computes on.
   *
   * @default {"auto"}
   */
  readonly device?: ServerFacts["device"];
  /**
   * A run to review; the page needs a token to read it.
   *
   * @default {undefined}
   */
  readonly run?: ServedRun;
  /**
   * Makes an engine on this machine; the page needs a token to reach it.
   *
   * @default {undefined}
   */
  readonly createEngine?: () => Engine;
}

export interface RunningServer extends AsyncDisposable {
  /** Address of the page, with the token if the server needs one. */
  readonly url: string;
  /**
   * Bundles the page's scripts in advance, which takes a second or two. Without this call the
   * first request for a script bundles it.
   *
   * @throws {Error} If a script cannot be bundled.
   */
  prepare(): Promise<void>;
  /** Makes an address that opens the page once, for a command line that others may read. */
  openingUrl(): string;
  /** Settles when the server has ended. */
  readonly finished: Promise<void>;
}

/**
 * Starts the server. The server listens at 127.0.0.1 only, and refuses requests of other pages.
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
      return respondError(sentenceOf(error), 500);
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
