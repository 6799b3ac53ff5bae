import { safe } from "../../reports/tables/table_html.ts";

/** Makes a page without scripts; `title` is a text, `style` CSS, and `body` HTML. */
export async function plainPage(title: string, style: string, body: string): Promise<string> {
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    ${await policyOf(style, "")}
    <title>${safe(title)}</title>
    <style>${style}</style>
  </head>
  <body>
${body}
  </body>
</html>
`;
}

/** Makes the element that allows a page its own style, its own script and pictures inside it. */
export async function policyOf(style: string, script: string): Promise<string> {
  const [ofStyle, ofScript] = await Promise.all([style, script].map(async (text) => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return `'sha256-${new Uint8Array(digest).toBase64()}'`;
  }));
  return `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; ` +
    `style-src ${ofStyle}; script-src ${ofScript}; base-uri 'none'; form-action 'none'">`;
}
