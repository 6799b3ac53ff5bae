/**
 * Defines `Symbol.dispose` and `Symbol.asyncDispose`, which WebKit lacks. Import this module before
 * any module that declares `[Symbol.dispose]()`. Without the symbol, the method would be named
 * "undefined", and bundled `using` declarations would not find it.
 *
 * @module
 */

for (const name of ["dispose", "asyncDispose"] as const) {
  if (!(name in Symbol)) {
    Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) });
  }
}
