/**
 * The user's browser.
 *
 * @module
 */

/** What opens an address, by operating system. */
const PROGRAMS: Partial<Record<typeof Deno.build.os, string>> = {
  darwin: "open",
  windows: "explorer",
};

/** What opens an address here. */
export const OPENER: string = PROGRAMS[Deno.build.os] ?? "xdg-open";

/**
 * Opens an address in the browser. It is not waited for: some openers end with the browser.
 *
 * @param onFailure Told if there is none.
 */
export function openBrowser(url: string, onFailure: () => void): void {
  try {
    const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
    const { status } = new Deno.Command(OPENER, { args: [url], ...quiet }).spawn();
    // That of Windows gives 1 whatever it did.
    status.then(({ success }) => !success && Deno.build.os !== "windows" && onFailure());
  } catch {
    onFailure();
  }
}
