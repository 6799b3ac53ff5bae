/// <reference lib="dom" />

import { median } from "../harness.ts";
import { onPage, warmServer } from "./served_page.ts";

/** Number of times the page is opened, each time in a new browser. */
const OPENINGS = 5;

/** Measures the size of the page's code, and the time to its first paint. */
export async function measureFirstLook(): Promise<string[]> {
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
  const { "/worker.js": worker = 0, ...page } = bytes;
  const total = Object.values(page).reduce((sum, size) => sum + size, 0);
  return [
    `| page, style and script, in gzip | ${(total / 1000).toFixed(0)} kB |`,
    `| the worker's script, in gzip | ${(worker / 1000).toFixed(0)} kB |`,
    `| first paint | ${median(paints).toFixed(0)} ms |`,
  ];
}
