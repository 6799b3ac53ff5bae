import type { ResultRecord, ResultSettings } from "../../reports/result_json.ts";
import type { RunOverview } from "../review_api.ts";

/** Facts of one method in a run's record. */
interface MethodFacts {
  readonly settings?: Partial<ResultSettings> & {
    readonly variants?: readonly (Partial<ResultSettings> & { readonly name: string })[];
  };
  readonly model?: { readonly sha256: string };
  readonly view?: object;
}

/**
 * Makes the part of `result.json` that comes from the record of a heatmap's run.
 *
 * @param setting Name of the heatmap's setting or method; empty if the run has only one.
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
