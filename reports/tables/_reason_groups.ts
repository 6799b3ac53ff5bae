import type { SampleResult } from "../../pipeline/evaluate.ts";

/** Samples that were left out for one kind of reason. */
export interface ReasonSummary {
  readonly status: "skipped" | "failed";
  /** The stage that the samples dropped out of. */
  readonly stage: string;
  /** The shared reason, with "…" in place of differing paths and numbers. */
  readonly reason: string;
  readonly count: number;
  /** Id of the first sample. */
  readonly example: string;
}

/** A result of a sample that was left out. */
type LeftOutResult = Extract<SampleResult, { readonly status: "skipped" | "failed" }>;

/** Most kinds of reasons; further kinds share one entry. */
const MAX_KINDS = 50;

/**
 * Matches the parts of a reason that may differ within a kind. These are texts in quotes or square
 * brackets, and words with a digit. UIDs of DICOM do not match, since another UID is another kind.
 */
const VARIABLE =
  /("[^"\\]*(?:\\.[^"\\]*)*"|\[[^\]]*\]|(?<![^\s",;:()[\]])(?!\d+(?:\.\d+){3})[^\s",;:()[\]]*\d[^\s",;:()[\]]*)/;

/** Matches the text that a dataset appends to the reason if a sample has several rows. */
const ROW = / \(\S.*, one of the \d+ rows of its sample\)$/;

interface Group {
  readonly summary: Omit<ReasonSummary, "count">;
  /** At even indices texts that all reasons of the group share; at odd indices the differing parts. */
  readonly parts: string[];
  isUniform: boolean;
  count: number;
}

/** Counts reasons by kind; reasons of one kind differ only in paths and numbers. */
export class ReasonGroups {
  readonly #groups = new Map<string, Group>();

  /** Adds the result of a left-out sample. */
  add({ status, stage, reason, id }: LeftOutResult): void {
    const parts = reason.replace(ROW, "").split(VARIABLE);
    const kind = JSON.stringify([status, stage, parts.filter((_, i) => i % 2 === 0)]);
    const isFull = !this.#groups.has(kind) && this.#groups.size >= MAX_KINDS;
    const key = isFull ? "" : kind;
    const group = this.#groups.get(key);
    if (!group) {
      const shown = isFull ? "other reasons" : reason;
      const summary = { status, stage, reason: shown, example: id };
      this.#groups.set(key, { summary, parts, isUniform: true, count: 1 });
      return;
    }
    group.count++;
    if (key === "" || reason === group.summary.reason) return;
    group.isUniform = false;
    parts.forEach((part, i) => {
      if (part !== group.parts[i]) group.parts[i] = standIn(part);
    });
  }

  /** One entry per kind, in order of first appearance. */
  toJSON(): ReasonSummary[] {
    return [...this.#groups.values()].map(({ summary, parts, isUniform, count }) => {
      const { status, stage, reason, example } = summary;
      return { status, stage, reason: isUniform ? reason : describe(parts), count, example };
    });
  }
}

/** Joins the shared sentence, without its first clause if the file in this clause differs. */
function describe(parts: readonly string[]): string {
  return parts.join("").replace(/^Cannot [^":]*"…": /, "");
}

/** Text in place of a differing part, with the part's quotes or brackets. */
function standIn(part: string): string {
  return part.startsWith('"') ? '"…"' : part.startsWith("[") ? "[…]" : "…";
}
