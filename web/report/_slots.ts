/** Texts of a page's slots, by name. */
export type Slots = Readonly<Record<string, () => AsyncIterable<string> | readonly string[]>>;

/** Parts of a page. */
export interface Page {
  /** HTML with slots such as `<!-- slot: title -->`. */
  readonly template: string;
  readonly style: string;
  readonly script: string;
  /** Texts of the slots, except for policy, style and script. */
  readonly slots: Slots;
}

/** Yields a page's template with its slots filled. */
export async function* fillPage(
  { template, style, script, slots }: Page,
): AsyncIterableIterator<string> {
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; ` +
    `img-src data:; style-src '${await hashOf(style)}'; script-src '${await hashOf(script)}'; ` +
    `base-uri 'none'; form-action 'none'">`;
  const own: Slots = {
    policy: () => [policy],
    style: () => [`<style>${style}</style>`],
    script: () => [`<script>${script}</script>`],
  };
  for (const [i, part] of template.split(/<!-- slot: (\w+) -->/).entries()) {
    if (i % 2 === 0) yield part;
    else yield* (own[part] ?? slots[part]!)();
  }
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256-${new Uint8Array(digest).toBase64()}`;
}
