/** Steps at which attention is read: indices, or shares of T; both half-open. */
export type Selection =
  | { readonly kind: "indices"; readonly start: number; readonly end: number }
  | { readonly kind: "share"; readonly start: number; readonly end: number };
