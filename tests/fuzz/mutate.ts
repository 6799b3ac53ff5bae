/**
 * Random changes to bytes, lists and JSON, as an attacker or a bad disk would make them.
 *
 * @module
 */

import type { Random } from "../../base/random.ts";

/** Picks one item at random. */
export function pick<T>(random: Random, items: ArrayLike<T>): T {
  return items[random.integer(0, items.length - 1)]!;
}

/** Returns true with probability `share`. */
export function chance(random: Random, share: number): boolean {
  return random.uniform() < share;
}

/** Joins bytes. */
export function join(...parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Encodes text as UTF-8. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Values at which counts, sizes and offsets overflow a number type. */
export const EXTREMES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0xff_ffffn,
  0x1000_0000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x1f_ffff_ffff_ffffn,
  0x20_0000_0000_0001n,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn,
];

/** Encodes an integer as `length` bytes, lowest byte first. */
export function little(value: bigint | number, length: number): number[] {
  return Array.from({ length }, (_, i) => Number(BigInt(value) >> BigInt(8 * i) & 0xffn));
}

/** Encodes an integer as `length` bytes, highest byte first. */
export function big(value: bigint | number, length: number): number[] {
  return little(value, length).reverse();
}

/**
 * Returns bytes with up to eight faults: bits, bytes and numbers changed, ranges cut, copied or
 * moved.
 */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let mutated = join(bytes);
  for (let faults = random.integer(1, 8); faults > 0 && mutated.length > 0; faults--) {
    const at = random.integer(0, mutated.length - 1);
    const end = Math.min(mutated.length, at + random.integer(1, 24));
    const [before, range, after] = [
      mutated.subarray(0, at),
      mutated.subarray(at, end),
      mutated.subarray(end),
    ];
    switch (random.integer(0, 6)) {
      case 0:
        mutated[at]! ^= 1 << random.integer(0, 7);
        break;
      case 1:
        mutated[at] = random.integer(0, 255);
        break;
      case 2: {
        const write = chance(random, 0.5) ? little : big;
        const value = write(pick(random, EXTREMES), pick(random, [2, 4, 8]));
        mutated = join(before, value, mutated.subarray(at + value.length));
        break;
      }
      case 3:
        mutated = join(before, after);
        break;
      case 4:
        mutated = join(before, range, range, after);
        break;
      case 5: {
        const other = random.integer(0, mutated.length);
        mutated = join(mutated.subarray(0, other), range, mutated.subarray(other));
        break;
      }
      default:
        // Cut rarely: a file without its end exercises less of the reader.
        if (chance(random, 0.3)) mutated = join(before);
    }
  }
  return mutated;
}

/** Returns a list with up to four faults: items dropped, repeated, moved or inserted. */
export function mutateList<T>(
  random: Random,
  items: readonly T[],
  other: (random: Random) => T,
): T[] {
  const mutated = [...items];
  for (let faults = random.integer(1, 4); faults > 0; faults--) {
    const at = random.integer(0, mutated.length);
    const to = random.integer(0, mutated.length);
    switch (random.integer(0, 3)) {
      case 0:
        mutated.splice(at, random.integer(1, 3));
        break;
      case 1:
        mutated.splice(to, 0, ...mutated.slice(at, at + random.integer(1, 3)));
        break;
      case 2:
        mutated.splice(to, 0, ...mutated.splice(at, 1));
        break;
      default:
        mutated.splice(at, random.integer(0, 1), other(random));
    }
  }
  return mutated;
}

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

/** JSON texts that have broken readers. */
const HOSTILE_JSON = [
  "null",
  "true",
  "false",
  "0",
  "-0",
  "-1",
  "0.5",
  "1e-320",
  "255",
  "1000000",
  "1e15",
  "9007199254740993",
  "-9007199254740993",
  "1e308",
  "1e999",
  '""',
  '"0"',
  '"__proto__"',
  '"constructor"',
  '"\\ud800"',
  '"\\u0000"',
  '"\\u001b[2J\\r\\n\\u202e"',
  `"${"x".repeat(5000)}"`,
  "[]",
  "{}",
  "[[]]",
  "[null]",
  `[${"7,".repeat(3000)}7]`,
  nested(100),
  nested(20_000),
  '{"0":'.repeat(20_000) + "1" + "}".repeat(20_000),
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":1,"valueOf":1,"toJSON":1,"length":1e9}',
];

const HOSTILE_KEYS = [
  "__proto__",
  "constructor",
  "toString",
  "length",
  "",
  "\u001b[2J",
  "__metadata__",
];

/**
 * Returns a JSON value as text, with up to four parts dropped, renamed, repeated or made hostile.
 */
export function mutateJson(random: Random, json: unknown): string {
  const tree = structuredClone(json);
  const raw: string[] = [];
  const hostile = () => `\ufff0${raw.push(pick(random, HOSTILE_JSON)) - 1}\ufff1`;
  for (let faults = random.integer(1, 4); faults > 0; faults--) {
    const places = containers(tree);
    if (places.length === 0) break;
    const place = pick(random, places);
    const keys = Object.keys(place);
    if (keys.length === 0) continue;
    const key = pick(random, keys);
    switch (random.integer(0, 5)) {
      case 0:
        if (Array.isArray(place)) place.splice(Number(key), 1);
        else delete place[key];
        break;
      case 1:
        define(place, Array.isArray(place) ? keys.length : pick(random, HOSTILE_KEYS), place[key]);
        break;
      case 2:
        define(place, pick(random, keys), place[key]);
        break;
      default:
        define(place, key, hostile());
    }
  }
  return JSON.stringify(tree).replace(/"\ufff0(\d+)\ufff1"/g, (_, i) => raw[Number(i)]!);
}

/** Sets a key as JSON does: `__proto__` becomes an ordinary key. */
// deno-lint-ignore no-explicit-any
function define(place: any, key: string | number, value: unknown): void {
  Object.defineProperty(place, key, {
    value: structuredClone(value),
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

// deno-lint-ignore no-explicit-any
function containers(value: any): any[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(containers)];
}
