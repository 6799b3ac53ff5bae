import { assert, assertEquals, assertMatch } from "@std/assert";
import { drawPhantom } from "../mod.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { writeGray } from "./support/image.ts";

/** A dataset of one good image and one that is missing. */
async function writeDataset(folder: string): Promise<void> {
  await writeGray(`${folder}/xray.png`, drawPhantom({ seed: 2, width: 200, height: 260 }));
  await Deno.writeTextFile(`${folder}/rows.csv`, "image,phrase\nxray.png,haze\nnone.png,haze\n");
}

Deno.test("eval --progress json writes nothing but objects on stderr and the table on stdout", () =>
  inFolder(async (folder) => {
    await writeDataset(folder);
    const { code, stdout, stderr } = await runCommand("eval", [
      ...["--dataset", "rows.csv", "--steps", "10", "--out", "out", "--progress", "json"],
    ], folder);
    assertEquals(code, 3, stderr);
    const lines: Record<string, unknown>[] = stderr.trimEnd().split("\n").map((line) =>
      JSON.parse(line)
    );
    const { rate, ...last } = lines.at(-1)!;
    assertEquals(last, { done: 2, total: 2, failed: 1, secondsLeft: 0 });
    assert(typeof rate === "number" && rate > 0);
    const warnings = lines.flatMap(({ warning }) => warning as string ?? []);
    assertMatch(warnings.at(-1)!, /^failed: .*there is no such file$/);
    assert(lines.some(({ info }) => String(info).startsWith("Grounding 2 phrases")), stderr);
    assert(!stdout.includes("{") && !stdout.includes("Grounding"), stdout);
  }));

Deno.test("eval and ground --progress quiet say only what has to be known", () =>
  inFolder(async (folder) => {
    await writeDataset(folder);
    const quiet = ["--steps", "10", "--out", "out", "--progress", "quiet"];
    const run = await runCommand("eval", ["--dataset", "rows.csv", ...quiet], folder);
    assertEquals(run.code, 3, run.stderr);
    assertMatch(run.stderr, /^The bundled model .*\nfailed: .*there is no such file\n$/);
    const one = ["--image", "xray.png", "--phrase", "haze", ...quiet];
    const { code, stdout, stderr } = await runCommand("ground", one, folder);
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /^The bundled model .*\n$/);
    assertMatch(stdout, /^haze: .*; out\n$/);
  }));
