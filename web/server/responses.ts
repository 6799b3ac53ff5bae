/**
 * Responses with what every one of them says to the browser.
 *
 * @module
 */

const HEADERS: Readonly<Record<string, string>> = {
  // Nothing from elsewhere, no script in the page's text; WebAssembly is compiled by our scripts.
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  // Cross-origin isolation, without which WebAssembly has no threads.
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

/**
 * A response.
 *
 * @param body What it holds.
 * @param headers Headers of its own; those of results are not to be kept by the browser.
 * @param status Its status.
 */
export function respond(
  body: BodyInit | null,
  headers: Readonly<Record<string, string>> = {},
  status = 200,
): Response {
  return new Response(body, {
    status,
    headers: { ...HEADERS, "cache-control": "no-store", ...headers },
  });
}

/** A value as JSON. */
export function respondJson(value: unknown, status = 200): Response {
  return respond(JSON.stringify(value), { "content-type": "application/json" }, status);
}

/** What went wrong, in a sentence. */
export function respondError(message: string, status: number): Response {
  return respondJson({ error: message }, status);
}
