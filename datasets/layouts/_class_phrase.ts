/** Makes the released code's phrase for a class, for datasets without phrases. */
export function classPhrase(name: string): string {
  return `The patient has ${name}`;
}
