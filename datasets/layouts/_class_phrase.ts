/** The phrase that the released code asks for a class where a dataset has no phrases. */
export function classPhrase(name: string): string {
  return `The patient has ${name}`;
}
