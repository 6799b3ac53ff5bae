const FIXTURE = new URL("../old_runs/fixture/", import.meta.url).pathname;

/** Copies the runs of an earlier version, and their dataset, into a folder. */
export async function copyRuns(folder: string): Promise<void> {
  for (const name of ["ldm", "both", "set"]) {
    await Deno.mkdir(`${folder}/${name}`, { recursive: true });
    for await (const { name: file, isFile } of Deno.readDir(`${FIXTURE}${name}`)) {
      if (isFile) await Deno.copyFile(`${FIXTURE}${name}/${file}`, `${folder}/${name}/${file}`);
    }
  }
}
