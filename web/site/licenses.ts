/**
 * Collects the licences of the libraries in the site's files, whose texts go with every copy.
 *
 * @module
 */

import { packageOf } from "../bundle.ts";

/** This project's own licence. */
export const OWN_LICENSE: URL = new URL("../../LICENSE", import.meta.url);

/** Names of files with a licence, or with notices that it asks for. */
const NAMES = /^(licen[cs]e|notice)/i;

/**
 * Makes one text of this project's licence and those of the packages that files belong to.
 *
 * @param files Addresses of all files that the site is made of.
 */
export async function licensesOf(files: Iterable<string>): Promise<string> {
  const packages = new Set([...files].flatMap((file) => packageOf(file) ?? []));
  const parts = [`Groundray\n\n${await Deno.readTextFile(OWN_LICENSE)}`];
  for (const folder of [...packages].sort()) {
    const read = (name: string) => Deno.readTextFile(new URL(name, folder));
    const { name, version, license, repository } = JSON.parse(await read("package.json"));
    const names = (await Array.fromAsync(Deno.readDir(new URL(folder)))).map(({ name }) => name);
    const texts = names.filter((name) => NAMES.test(name)).sort().map(read);
    const place = repository?.url ?? repository ?? "";
    parts.push(
      [`${name} ${version}: ${license} ${place}`, ...await Promise.all(texts)].join("\n\n"),
    );
  }
  return parts.join(`\n${"-".repeat(72)}\n\n`);
}
