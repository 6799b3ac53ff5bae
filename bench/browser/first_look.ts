/// <reference lib="dom" />

/**
 * Size of the page's code, and the time to its first paint.
 *
 * @module
 */

import { median } from "../median.ts";
import { onPage, warmServer } from "./served_page.ts";

/** Number of times the page is opened. */
const OPENINGS = 5;

/** Measurements of the page before any input. */
export interface FirstLook {
  /** Transferred bytes of the page's code (compressed), by path. */
  readonly bytes: Readonly<Record<string, number>>;
  /** Milliseconds until the first contentful paint. */
  readonly paint: { readonly median: number; readonly max: number };
}

/** Opens the page {@linkcode OPENINGS} times, each time in a new browser. */
export async function measureFirstLook(): Promise<FirstLook> {
  await using server = await warmServer("cpu");
  const paints: number[] = [];
  let bytes: Record<string, number> = {};
  for (let i = 0; i < OPENINGS; i++) {
    await onPage(server, async (page) => {
      const paint = await page.waitForFunction(() =>
        performance.getEntriesByName("first-contentful-paint")[0]?.startTime
      );
      paints.push((await paint.jsonValue())!);
      bytes = await page.evaluate(async () => {
        await (await fetch("/worker.js")).arrayBuffer();
        const entries = [
          ...performance.getEntriesByType("navigation"),
          ...performance.getEntriesByType("resource"),
        ] as PerformanceResourceTiming[];
        const code = entries.map(({ name, encodedBodySize }) =>
          [new URL(name).pathname, encodedBodySize] as const
        );
        return Object.fromEntries(code.filter(([path]) => /^\/([^/]+\.(js|css))?$/.test(path)));
      });
    });
  }
  return { bytes, paint: { median: median(paints), max: Math.max(...paints) } };
}
