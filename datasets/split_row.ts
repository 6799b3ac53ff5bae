import type { Row } from "./rows.ts";

/** A {@linkcode Row} and the split it belongs to. */
export interface SplitRow extends Row {
  /** Class whose wordings may replace the phrase; absent if the row has a phrase of its own. */
  readonly className?: string;
  /** Name of the split, such as `val` or `test`. */
  readonly split?: string;
  /** Reason why the split cannot be read from another file that holds it. */
  readonly splitFault?: string;
}
