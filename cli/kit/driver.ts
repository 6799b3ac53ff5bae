/**
 * The GPU's driver on a machine without a desktop.
 *
 * @module
 */

/**
 * On a Linux machine without a desktop the GPU's driver prints two lines that
 * begin with "error:" because this variable is not set. No window is opened, so
 * that any folder will do.
 */
export function quietenDriver(): void {
  if (Deno.build.os === "linux" && Deno.env.get("XDG_RUNTIME_DIR") === undefined) {
    Deno.env.set("XDG_RUNTIME_DIR", "/tmp");
  }
}
