/** Programs that open an address, by operating system. */
const PROGRAMS: Partial<Record<typeof Deno.build.os, string>> = {
  darwin: "open",
  windows: "explorer",
};

/** Program that opens an address on this system. */
export const OPENER: string = PROGRAMS[Deno.build.os] ?? "xdg-open";

/**
 * Opens an address in the browser. Does not wait, since some openers end only with the browser.
 *
 * @param onFailure Called if the browser cannot be opened.
 */
export function openBrowser(url: string, onFailure: () => void): void {
  try {
    const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
    const { status } = new Deno.Command(OPENER, { args: [url], ...quiet }).spawn();
    // The opener of Windows always exits with code 1.
    status.then(({ success }) => !success && Deno.build.os !== "windows" && onFailure());
  } catch {
    onFailure();
  }
}
