/// <reference lib="dom" />
/** Storage: `sessionStorage` until the tab closes, `localStorage` without end. */
export type Keeper = "sessionStorage" | "localStorage";

/** Keeps a value; `false` if the browser or the user's settings forbid it. */
export function keep(where: Keeper, key: string, value: string): boolean {
  return attempt(() => {
    globalThis[where].setItem(key, value);
    return true;
  }) ?? false;
}

/** Gives a kept value; `null` if there is none. */
export function recall(where: Keeper, key: string): string | null {
  return attempt(() => globalThis[where].getItem(key)) ?? null;
}

/** Removes a kept value. */
export function forget(where: Keeper, key: string): void {
  attempt(() => globalThis[where].removeItem(key));
}

/** Uses the browser's storage; `undefined` if the browser keeps nothing. */
function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

/** An X-ray's file, as the browser keeps it for a reload. */
export interface KeptFile {
  readonly name: string;
  readonly file: Blob;
}

/** Runs one request on the only entry of the browser's database for the X-ray. */
function onFile<T>(
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    // Some browsers forbid the database in private windows: then a reload keeps no X-ray.
    const fail = () => resolve(undefined);
    try {
      const opening = indexedDB.open("groundray", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("xray");
      opening.onerror = fail;
      opening.onsuccess = () => {
        const database = opening.result;
        const request = act(database.transaction("xray", mode).objectStore("xray"));
        request.onsuccess = () => resolve(request.result);
        request.onerror = fail;
        request.transaction!.oncomplete = () => database.close();
      };
    } catch {
      fail();
    }
  });
}

/** Keeps an X-ray's file in place of an earlier file; `undefined` keeps none. */
export async function keepFile(file: KeptFile | undefined): Promise<void> {
  if (file) await onFile("readwrite", (store) => store.put(file, "file"));
  else await onFile("readwrite", (store) => store.delete("file"));
}

/** Gives the kept X-ray's file; `undefined` if there is none. */
export function recallFile(): Promise<KeptFile | undefined> {
  return onFile<KeptFile | undefined>("readonly", (store) => store.get("file"));
}
