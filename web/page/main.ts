import { encodeDicomSeg } from "../../reports/exports/dicom_seg.ts";
import type { Engine } from "../engine_messages.ts";
import type { ServerFacts } from "../review_api.ts";
import { SocketEngine } from "../socket_engine.ts";
import { WorkerEngine } from "../worker_engine.ts";
import { Gallery } from "./gallery.ts";
import { drawExamples } from "./examples.ts";
import { Grounding } from "./ground.ts";
import { listenToTools } from "./tools.ts";
import { say } from "./parts_of_page.ts";
import { Review } from "../review/review.ts";
import { ServedRunSource } from "../review/served_run_source.ts";
import { siteFacts, startServiceWorker } from "./site.ts";
import { keep, recall } from "../viewer/kept.ts";
import { GpuFinisher } from "../viewer/finish_gpu.ts";
import { listenToTheme } from "../viewer/theme.ts";

/** Takes the key from the page's address, and removes it there, where others could see it. */
function takeToken(): string {
  const url = new URL(location.href);
  const token = url.searchParams.get("token");
  if (token === null) return recall("sessionStorage", "token") ?? "";
  // If the browser keeps nothing, leave the key in the address: a reload needs it.
  if (keep("sessionStorage", "token", token)) {
    url.searchParams.delete("token");
    history.replaceState(null, "", url);
  }
  return token;
}

/** Makes a function that asks the server; a refusal is thrown with the server's sentence. */
function fetcher(token: string) {
  return async (path: string): Promise<Response> => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(path, { headers }).catch(() => {
      throw new Error(
        "The server on this machine does not answer: start it again, and open its address",
      );
    });
    if (response.ok) return response;
    const { error } = await response.json().catch(() => ({})) as { error?: string };
    throw new Error(error ?? `The server answered ${response.status}`);
  };
}

function createEngine({ on }: ServerFacts, token: string): Engine {
  if (on === "page") return new WorkerEngine(new URL("worker.js", import.meta.url));
  const url = new URL(`/api/engine?token=${encodeURIComponent(token)}`, location.href);
  url.protocol = "ws:";
  return new SocketEngine(url);
}

async function start(): Promise<void> {
  say(undefined);
  listenToTheme();
  // A file that is dropped would replace the page in the browser's tab.
  for (const kind of ["dragover", "drop"] as const) {
    document.addEventListener(kind, (event) => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    });
  }
  const token = takeToken();
  const ask = fetcher(token);
  const site = siteFacts();
  if (site) await startServiceWorker();
  const facts = site ?? await (await ask("/api/server")).json() as ServerFacts;
  const gallery = new Gallery(facts.device, encodeDicomSeg, GpuFinisher);
  listenToTools(gallery);
  if (facts.results) await new Review(new ServedRunSource(ask, token), gallery).open();
  else new Grounding(createEngine(facts, token), gallery, drawExamples(), facts);
}

start().catch((error: Error) => say(error.message));
