/**
 * Answers requests for the results and X-rays of a run.
 *
 * @module
 */

import { quote } from "../../base/text.ts";
import { imageOf } from "../../runs/run_folder.ts";
import { encodeParts } from "../parts.ts";
import { Pictures } from "./pictures.ts";
import { respond, respondError, respondJson } from "./responses.ts";
import type { ServedRun } from "./served_run.ts";

/** Maximum number of samples that one request may name to read their X-rays ahead. */
const MAX_AHEAD = 4;

const BYTES = { "content-type": "application/octet-stream" };

/** Answers requests for one run; see `results.ts` for the addresses. */
export class RunApi implements Disposable {
  readonly #run: ServedRun;
  readonly #pictures = new Pictures();

  constructor(run: ServedRun) {
    this.#run = run;
  }

  /** Answers a request for an address below `/api/`; `undefined` for an unknown address. */
  async answer({ pathname, searchParams }: URL): Promise<Response | undefined> {
    const [run, pictures] = [this.#run, this.#pictures];
    if (pathname === "/api/run") return respondJson(await run.overview());
    if (pathname === "/api/samples") return respondJson(run.rows());
    const [, number, isImage] = /^\/api\/samples\/(\d{1,9})(\/image)?$/.exec(pathname) ?? [];
    if (number === undefined) return undefined;
    const index = Number(number);
    const result = run.result(index);
    if (!result) return respondError(`The run has no result ${index}`, 404);
    const { id, setting = "" } = result;
    if (
      id !== (searchParams.get("id") ?? id) || setting !== (searchParams.get("setting") ?? setting)
    ) {
      return respondError("The run has changed since this page was opened: reload the page", 409);
    }
    if (!isImage) {
      const sizeOf = async () =>
        (await pictures.get(await run.locate(imageOf(result) ?? ""))).original;
      const body = encodeParts(await run.detail(result, sizeOf));
      const next = searchParams.getAll("next").slice(0, MAX_AHEAD).map(Number);
      const results = [index, ...next].flatMap((index) => run.result(index) ?? []);
      const images = results.flatMap((result) => imageOf(result) ?? []);
      pictures.readAhead(await Promise.all(images.map((image) => run.locate(image))));
      return respond(body, BYTES);
    }
    const image = imageOf(result);
    if (!image) {
      return respondError(`The results name no image of ${quote(result.id, 60)}`, 404);
    }
    try {
      const { data, width, height, original, spacing } = await pictures.get(
        await run.locate(image),
      );
      return respond(data, {
        ...BYTES,
        "x-width": String(width),
        "x-height": String(height),
        "x-original-width": String(original.width),
        "x-original-height": String(original.height),
        ...(spacing && { "x-spacing": JSON.stringify(spacing) }),
      });
    } catch (error) {
      return respondError((error as Error).message, 404);
    }
  }

  [Symbol.dispose](): void {
    this.#pictures[Symbol.dispose]();
  }
}
