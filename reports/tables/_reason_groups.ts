import type { SampleResult } from "../../pipeline/evaluate.ts";

/** Samples that were left out for one kind of reason. */
export interface ReasonSummary {
  /** What became of them. */
  readonly status: "skipped" | "failed";
  /** Where they fell out. */
  readonly stage: string;
  /** Why; where samples give different paths or numbers, "…" stands for them. */
  readonly reason: string;
  /** How many they are. */
  readonly count: number;
  /** Id of the first. */
  readonly example: string;
}

/** A result of a sample that was left out. */
type LeftOutResult = Extract<SampleResult, { readonly status: "skipped" | "failed" }>;

/** Kinds of reasons that are kept. */
const MAX_KINDS = 50;

/**
 * The parts of a reason that may differ within its kind: what is in quotes or in brackets, and
 * words that hold a digit, but for UIDs of DICOM, since they name kinds themselves.
 */
const VARIABLE =
  /("[^"\\]*(?:\\.[^"\\]*)*"|\[[^\]]*\]|(?<![^\s",;:()[\]])(?!\d+(?:\.\d+){3})[^\s",;:()[\]]*\d[^\s",;:()[\]]*)/;

/** What datasets put behind the reason of one of several rows. */
const ROW = / \(\S.*, one of the \d+ rows of its sample\)$/;

interface Group {
  readonly summary: Omit<ReasonSummary, "count">;
  /** Texts that all of its reasons share, at even places, and between them what may differ. */
  readonly parts: string[];
  isUniform: boolean;
  count: number;
}

/** Counts the reasons why samples were left out, by kind: paths and numbers in them may differ. */
export class ReasonGroups {
  readonly #groups = new Map<string, Group>();

  /** Takes in one result. */
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

  /** The kinds, in order of first appearance. */
  toJSON(): ReasonSummary[] {
    return [...this.#groups.values()].map(({ summary, parts, isUniform, count }) => {
      const { status, stage, reason, example } = summary;
      return { status, stage, reason: isUniform ? reason : describe(parts), count, example };
    });
  }
}

/** The sentence that reasons share; without the clause of the file, which is another in each. */
function describe(parts: readonly string[]): string {
  return parts.join("").replace(/^Cannot [^":]*"…": /, "");
}

/** What is shown in place of a part that differs. */
function standIn(part: string): string {
  return part.startsWith('"') ? '"…"' : part.startsWith("[") ? "[…]" : "…";
}
