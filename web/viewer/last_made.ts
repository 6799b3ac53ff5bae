/**
 * What was made last, kept for when the same is wanted again.
 *
 * @module
 */

/** A function that makes its value anew only where an argument is another than the last time. */
export function lastMade<A extends readonly unknown[], R>(make: (...given: A) => R) {
  let last: { readonly given: A; readonly made: R } | undefined;
  return (...given: A): R => {
    if (!last || last.given.some((argument, i) => argument !== given[i])) {
      last = { given, made: make(...given) };
    }
    return last.made;
  };
}
