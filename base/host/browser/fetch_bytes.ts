/**
 * Fetches a file.
 *
 * @param url Address of the file.
 * @throws {Error} If the server answers with an error status, or does not answer.
 */
export async function fetchBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const fail = `Cannot load "${url.pathname}"`;
  try {
    const response = await fetch(url);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    throw new Error(`${fail}: the server says ${response.status}`);
  } catch (cause) {
    // The browser's own error is a `TypeError` that names no file.
    if (!(cause instanceof TypeError)) throw cause;
    throw new Error(`${fail}: its server does not answer`, { cause });
  }
}
