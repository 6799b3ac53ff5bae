/**
 * Fetches a file.
 *
 * @param url Its address.
 * @throws {Error} If it is not there, or the server does not answer.
 */
export async function fetchBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const fail = `Cannot load "${url.pathname}"`;
  try {
    const response = await fetch(url);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    throw new Error(`${fail}: the server says ${response.status}`);
  } catch (cause) {
    // What a browser throws itself names no file.
    if (!(cause instanceof TypeError)) throw cause;
    throw new Error(`${fail}: its server does not answer`, { cause });
  }
}
