/**
 * Makes responses with the security headers that every response carries.
 *
 * @module
 */

/** The page's policy: no foreign content and no inline scripts. Our scripts compile WebAssembly. */
export const POLICY: string = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  // A page's own text cannot state the last part.
  "content-security-policy": `${POLICY}; frame-ancestors 'none'`,
  // WebAssembly has threads only in a page with cross-origin isolation.
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

/**
 * Makes a response with the common headers.
 *
 * @param body Content; `null` for none.
 * @param headers Further headers; without `cache-control` the browser must not store the response.
 * @param status HTTP status.
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

/** Makes a response with a value as JSON. */
export function respondJson(value: unknown, status = 200): Response {
  return respond(JSON.stringify(value), { "content-type": "application/json" }, status);
}

/** Makes a response with `{ error }`; `message` is a sentence for the user. */
export function respondError(message: string, status: number): Response {
  return respondJson({ error: message }, status);
}
