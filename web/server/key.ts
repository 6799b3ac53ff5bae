/**
 * Secret key that protects the results of a run and the engine of this machine.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";

/** Number of random bytes in a key or ticket. */
const KEY_BYTES = 24;

function draw(): string {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

/** Compares in constant time for equal lengths, so that timing reveals no part of the key. */
function isEqual(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => new TextEncoder().encode(text)) as [
    Uint8Array,
    Uint8Array,
  ];
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * A server's key. The page keeps the key and sends it with every request below `/api/`. A cookie
 * would not do: browsers send it to every port of this machine, even to another user's server.
 */
export class AccessKey {
  /** The key: 24 random bytes in base64url. */
  readonly token: string = draw();
  #ticket: string | undefined;

  /**
   * Makes a ticket that can be exchanged for the key once; an earlier ticket becomes invalid.
   * Use a ticket on a command line, where other users of the machine can read it.
   */
  issueTicket(): string {
    return this.#ticket = draw();
  }

  /** Whether a ticket is the valid one; a valid ticket becomes invalid by this call. */
  takeTicket(ticket: string): boolean {
    const isTicket = this.#ticket !== undefined && isEqual(this.#ticket, ticket);
    if (isTicket) this.#ticket = undefined;
    return isTicket;
  }

  /**
   * Whether a request carries the key, as `Authorization: Bearer` or as `token` in its address.
   * The address serves sockets, for which a page cannot set headers.
   */
  admits(request: Request): boolean {
    const header = /^Bearer (.*)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    const given = header ?? new URL(request.url).searchParams.get("token");
    return given !== null && isEqual(given, this.token);
  }
}
