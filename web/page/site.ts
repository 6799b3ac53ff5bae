import type { ServerFacts } from "../review_api.ts";
import { keep, recall } from "../viewer/kept.ts";

/** Gives the facts that `deno task site` wrote into the page; `undefined` for a served page. */
export function siteFacts(): ServerFacts | undefined {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="groundray"]');
  return meta ? JSON.parse(meta.content) : undefined;
}

/** Name of the mark that the page was loaded again to be isolated. */
const MARK = "isolating";

/**
 * Starts the service worker. Loads the page again by it, once, if the page is not isolated from other
 * sites. A browser that refuses runs the model in one thread, and needs the network each time.
 */
export async function startServiceWorker(): Promise<void> {
  // Absent in a page over plain HTTP that is not from this machine.
  const { serviceWorker } = navigator as Partial<Navigator>;
  if (!serviceWorker) return;
  try {
    await activation(await serviceWorker.register("sw.js", { updateViaCache: "none" }));
  } catch {
    return;
  }
  if (crossOriginIsolated) keep("sessionStorage", MARK, "");
  else if (!recall("sessionStorage", MARK) && keep("sessionStorage", MARK, "once")) {
    location.reload();
    await new Promise(() => {});
  }
  serviceWorker.controller?.postMessage("keep the rest");
}

/** Waits until a first service worker is active, or has failed. */
async function activation({ active, installing, waiting }: ServiceWorkerRegistration) {
  const worker = active ?? installing ?? waiting;
  if (!worker || worker.state === "activated") return;
  await new Promise<void>((resolve) => {
    worker.addEventListener("statechange", () => {
      if (worker.state === "activated" || worker.state === "redundant") resolve();
    });
  });
}
