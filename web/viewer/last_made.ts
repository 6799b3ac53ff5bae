/**
 * A cache of one value: the last result of a function.
 *
 * @module
 */

/** Wraps a function so that it runs again only if an argument differs from the last call. */
export function lastMade<A extends readonly unknown[], R>(make: (...given: A) => R) {
  let last: { readonly given: A; readonly made: R } | undefined;
  return (...given: A): R => {
    if (!last || last.given.some((argument, i) => argument !== given[i])) {
      last = { given, made: make(...given) };
    }
    return last.made;
  };
}
