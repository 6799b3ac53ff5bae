import { UsageError } from "../../base/options.ts";
import type { Selection } from "../../pipeline/settings/selection.ts";
import type { VariantSettings } from "../../pipeline/settings/variants.ts";

/** Parses a half-open range: `120..180` (indices) or `40%..60%` (shares of T). */
export function parseSelect(text: string, option = "select"): Selection {
  const indices = /^\s*(\d+)\s*\.\.\s*(\d+)\s*$/.exec(text);
  const shares = /^\s*(\d+(?:\.\d+)?)\s*%\s*\.\.\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text);
  const match = indices ?? shares;
  if (!match) {
    throw new UsageError(
      `Option "--${option}" must be a range such as 120..180 or 40%..60%, got "${text}"`,
    );
  }
  const [start, end] = [Number(match[1]), Number(match[2])];
  if (start >= end || (shares && end > 100)) {
    const reason = start >= end ? "it holds no step" : "a share is at most 100%";
    throw new UsageError(`Option "--${option}" got "${text}": ${reason}`);
  }
  return shares
    ? { kind: "share", start: start / 100, end: end / 100 }
    : { kind: "indices", start, end };
}

/** Parses layers: `3,4,6,7`, with ranges such as `3-7` (both ends included), or `all`. */
export function parseLayers(text: string, option = "layers"): number[] | "all" {
  if (text.trim() === "all") return "all";
  const layers = text.split(",").flatMap((part) => {
    const match = /^\s*(\d{1,3})(?:-(\d{1,3}))?\s*$/.exec(part);
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (!match || last < first) {
      throw new UsageError(
        `Option "--${option}" must be numbers such as 3,4,6,7 or 3-7, or all, got "${text}"`,
      );
    }
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  return [...new Set(layers)].sort((a, b) => a - b);
}

/**
 * Parses `NAME:LAYERS:STEPS:OTSU`, such as `mine:3-7:40%..60%:otsu`. STEPS may be `all`; OTSU is
 * `otsu` or `none`.
 */
export function parseSetting(text: string): VariantSettings {
  const [name, layers, steps, otsu, ...more] = text.split(":").map((part) => part.trim());
  if (!name || !layers || !steps || more.length > 0 || (otsu !== "otsu" && otsu !== "none")) {
    throw new UsageError(
      `Option "--setting" must be NAME:LAYERS:STEPS:otsu or …:none, such as ` +
        `mine:3-7:40%..60%:otsu, got "${text}"`,
    );
  }
  return {
    name,
    layers: parseLayers(layers, "setting"),
    select: steps === "all" ? "all" : parseSelect(steps, "setting"),
    otsu: otsu === "otsu",
  };
}
