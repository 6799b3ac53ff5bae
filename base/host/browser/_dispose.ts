/**
 * Comes before anything with a `[Symbol.dispose]()`: WebKit has no such symbol, so that
 * the method would be called "undefined", and what bundlers make of `using` would not find it.
 *
 * @module
 */

for (const name of ["dispose", "asyncDispose"] as const) {
  if (!(name in Symbol)) {
    Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) });
  }
}
