import { bundleScript } from "../bundle.ts";

/** The script of reports, kept beside the code: the compiler takes longer than many a run. */
export const PAGE_SCRIPT = new URL("page_script.js", import.meta.url);

/** Bundles the script, for a page that holds it itself. */
export async function buildScript(): Promise<string> {
  const bytes = await bundleScript(new URL("report_page.ts", import.meta.url), { format: "iife" });
  // An inline script ends at this text.
  return new TextDecoder().decode(bytes).replaceAll("</script", "<\\/script");
}

if (import.meta.main) await Deno.writeTextFile(PAGE_SCRIPT, await buildScript());
