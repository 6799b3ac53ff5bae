import type { Row } from "./rows.ts";

/** A {@linkcode Row} and the split it belongs to. */
export interface SplitRow extends Row {
  /** Reason why the split cannot be read from another file that holds it. */
  readonly splitFault?: string;
}
