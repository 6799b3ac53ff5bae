/**
 * What the heatmaps of a run are made with, as its folder says.
 *
 * @module
 */

import type { ResultRecord, ResultSettings } from "../../reports/result_json.ts";
import type { RunOverview } from "../results.ts";

/** What a run says of one method. */
interface MethodFacts {
  readonly settings?: Partial<ResultSettings> & {
    readonly variants?: readonly (Partial<ResultSettings> & { readonly name: string })[];
  };
  readonly model?: { readonly sha256: string };
  readonly view?: object;
}

/**
 * What `result.json` says of a heatmap of a run.
 *
 * @param setting Name of the heatmap's setting or method, where the run has several.
 */
export function recordOfRun(
  { title, facts }: Pick<RunOverview, "title" | "facts">,
  setting = "",
): ResultRecord {
  const { methods, method: only, versions } = facts as {
    readonly methods?: Readonly<Record<string, MethodFacts>>;
    readonly method?: string;
    readonly versions?: Readonly<Record<string, string>>;
  };
  const method = methods && (setting || only);
  const { settings, model, view } = (method ? methods[method] : facts as MethodFacts) ?? {};
  const { variants, ...shared } = settings ?? {};
  const { name: _, ...own } = variants?.find(({ name }) => name === setting) ?? { name: "" };
  return {
    ...(settings && { settings: { ...shared, ...own } }),
    ...(method && method !== "ldm" && { method }),
    ...(view && { view }),
    ...(model && { model }),
    ...(versions && { versions }),
    run: title,
  };
}
