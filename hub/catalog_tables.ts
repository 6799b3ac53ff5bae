/**
 * The catalog as Markdown, for docs/data.md.
 *
 * @module
 */

import { ACCESS, CATALOG } from "./catalog.ts";

/** Tables of the models and of their files, and the sentences on each model. */
export function catalogTables(): string {
  const models = table(
    ["name", "for", "size", "licence", "access"],
    CATALOG.map(({ name, purpose, method, bytes, sources, access }) => [
      `\`${name}\``,
      `${purpose.replace(/\.$/, "")} (\`--method ${method}\`)`,
      `${(bytes / 1e9).toFixed(1)} GB`,
      [...new Set(sources.map(({ license }) => license))].join(", "),
      ACCESS[access],
    ]),
  );
  const files = table(
    ["model", "from (Hugging Face)", "revision", "files"],
    CATALOG.flatMap(({ name, sources }) =>
      sources.map(({ repository, revision, files }) => [
        `\`${name}\``,
        `\`${repository}\``,
        revision,
        files.map(({ path, to, tensors }) =>
          `\`${path}\`` + (tensors ? ` (its \`${tensors}*\`)` : "") + (to ? ` as \`${to}\`` : "")
        ).join(", "),
      ])
    ),
  );
  const sentences = CATALOG.map(({ name, training, unknown }) =>
    `- \`${name}\`: trained on: ${training} Not known: ${unknown}`
  );
  return [models, files, sentences.join("\n")].join("\n\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
