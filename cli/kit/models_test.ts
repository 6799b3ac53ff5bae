import { assertEquals, assertThrows } from "@std/assert";
import { inFolder } from "../../tests/support/command.ts";
import { findModel } from "../../hub/catalog.ts";
import { localFiles, writeRecord } from "../../hub/record.ts";
import { modelFolder } from "./models.ts";

Deno.test("modelFolder() takes a name for a fetched model, and other texts for paths", () =>
  inFolder(async (models) => {
    for (const path of ["./ldm", "ldm/", "/a/ldm", "cxr", ""]) {
      assertEquals(modelFolder(path, models), path);
    }
    const typos = { LDM: "ldm", ldn: "ldm", biovil_t: "biovil-t", biovl: "biovil" };
    for (const [text, name] of Object.entries(typos)) {
      const message = `"${text}": there is no such folder; did you mean the model "${name}"?`;
      assertThrows(() => modelFolder(text, models), Error, message);
    }
    assertThrows(
      () => modelFolder("biovil", models, "biovil-t"),
      Error,
      'Cannot open model "biovil": it is for --method biovil, not for biovil-t',
    );
    assertThrows(
      () => modelFolder("sd15", models, "biovil"),
      Error,
      "it is for --method ldm or generate-to-ground or daam, not for biovil",
    );
    for (const method of ["ldm", "generate-to-ground", "daam"]) {
      assertThrows(() => modelFolder("radedit", models, method), Error, "it is not in");
    }
    const folder = `${models}/biovil`;
    const fails = (why: string) =>
      assertThrows(
        () => modelFolder("biovil", models),
        Error,
        `Cannot open model "biovil": ${why}; fetch it by "deno task get biovil"`,
      );
    fails(`it is not in "${folder}" yet`);
    const names = localFiles(findModel("biovil")!);
    const files = Object.fromEntries(
      names.map((name) => [name, { bytes: 4, sha256: "a".repeat(64) }]),
    );
    await Deno.mkdir(folder);
    for (const name of names) await Deno.writeTextFile(`${folder}/${name}`, "1234");
    const { [names[0]!]: first, ...others } = files;
    await writeRecord(folder, { commits: {}, files: others });
    fails(`its download into "${folder}" is not finished`);
    await writeRecord(folder, { commits: {}, files: { ...others, [names[0]!]: first! } });
    for (const method of [undefined, "biovil", "my-method"]) {
      assertEquals(modelFolder("biovil", models, method), folder);
    }
    await Deno.truncate(`${folder}/vocab.txt`, 1);
    fails(`"${folder}/vocab.txt" has 1 bytes, expected 4`);
    await Deno.remove(`${folder}/vocab.txt`);
    fails(`"${folder}/vocab.txt" is missing`);
  }));
