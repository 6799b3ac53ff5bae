export const COMPARISON = "comparison.html";
// deno-lint-ignore no-explicit-any
export async function writeComparison(..._: any[]) {}
