import { isObject, type JsonObject } from "../../base/json.ts";
import { type RunRecord } from "../../runs/run_folder.ts";
import { safe } from "../../reports/tables/table_html.ts";

/** Formats the facts of a run's record as HTML, one list per group of facts. */
export function factsHtml({ facts }: RunRecord): string {
  const groups: [string, [string, unknown][]][] = [];
  const collect = (name: string, value: JsonObject) => {
    const entries = Object.entries(value);
    groups.push([name, entries.filter(([, value]) => !isObject(value))]);
    for (const [key, value] of entries) {
      if (isObject(value)) collect(name === "run" ? key : `${name}, ${key}`, value);
    }
  };
  collect("run", facts);
  return groups.filter(([, entries]) => entries.length > 0).map(([name, entries]) =>
    `<section><h3>${safe(name)}</h3><dl>${
      entries.map(([key, value]) => `<dt>${safe(key)}</dt><dd>${safe(show(value))}</dd>`).join("")
    }</dl></section>`
  ).join("\n");
}

function show(value: unknown): string {
  if (isObject(value)) {
    return Object.entries(value).map(([key, value]) => `${key} ${show(value)}`).join(", ");
  }
  if (Array.isArray(value) && value.some(isObject)) return value.map(show).join("; ");
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

/** Names dataset, split and shard of a run in a few words, such as `ms-cxr, split test`. */
export function runName({ facts, shard }: RunRecord): string {
  const { kind, split }: JsonObject = isObject(facts.dataset) ? facts.dataset : {};
  return [
    typeof kind === "string" ? kind : "a dataset",
    ...(typeof split === "string" ? [`split ${split}`] : []),
    ...(shard ? [`shard ${shard.number} of ${shard.count}`] : []),
  ].join(", ");
}
