/**
 * Sets `XDG_RUNTIME_DIR` on a Linux machine without a desktop. Without this variable the GPU's
 * driver prints two lines that begin with "error:". Any folder will do, since no window is opened.
 */
export function quietenDriver(): void {
  if (Deno.build.os === "linux" && Deno.env.get("XDG_RUNTIME_DIR") === undefined) {
    Deno.env.set("XDG_RUNTIME_DIR", "/tmp");
  }
}
