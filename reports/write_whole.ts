/** Writes a file whole or not at all. */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const partial = `${path}.partial`;
  if (typeof content === "string") await Deno.writeTextFile(partial, content);
  else await Deno.writeFile(partial, content);
  await Deno.rename(partial, path);
}
