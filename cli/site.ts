import { PAGE_SOURCES } from "../web/server/page_files.ts";
import { OWN_LICENSE } from "../web/site/licenses.ts";
import { siteFiles } from "../web/site/site_files.ts";
import { earlierFiles, writeSite } from "../web/site/write_site.ts";
import { runCommand } from "./kit/confine.ts";
import { EXIT } from "./kit/exit.ts";
import { command, type ValuesOf } from "./kit/flags.ts";
import { makeFolder } from "../base/write_whole.ts";

const COMMAND = command({
  usage: "deno task site --out DIR",
  description:
    "Writes the page that runs the model in the browser as static files: page, scripts, WebAssembly " +
    "and the bundled model. Any host of files can serve them below any path, and nothing that a " +
    "visitor opens leaves the visitor's machine.",
  flags: {
    out: {
      type: "string",
      placeholder: "DIR",
      required: true,
      description:
        "Folder to write to: empty, new, or of an earlier site, whose files are replaced.",
    },
  },
});

async function main({ out }: ValuesOf<typeof COMMAND.flags>): Promise<number> {
  // Refuse a folder before the scripts are made, which takes seconds.
  await makeFolder(out);
  await earlierFiles(out);
  const files = await siteFiles();
  await writeSite(out, files);
  const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  console.log(`${out}: ${files.size} files, ${(bytes / 1e6).toFixed(1)} MB`);
  return EXIT.ok;
}

await runCommand(
  COMMAND,
  main,
  ({ out }) => ({ read: [...PAGE_SOURCES, OWN_LICENSE], write: [out] }),
);
