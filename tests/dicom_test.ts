import "../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { dicomFile, RADIOGRAPH, words } from "./support/dicom_file.ts";
import { FRAMES } from "./support/dicom_frames.ts";
import { inFolder, runCommand } from "./support/command.ts";

const FAST = ["--noise", "sample", "--steps", "10"];

/** Returns a phantom as a 12-bit DICOM file. */
function phantom(seed: number): Uint8Array {
  const { data, width, height } = drawPhantom({ seed, width: 96, height: 80 });
  const size = { "00280010": height, "00280011": width };
  const pixels = words(Array.from(data, (level) => 16 * level));
  return dicomFile({ ...RADIOGRAPH, ...size, "7fe00010": pixels });
}

Deno.test("ground reads DICOM, compressed too, and writes nothing about the patient", () =>
  inFolder(async (folder) => {
    const { syntax, size, frame } = FRAMES[2];
    const windows = { "00281050": "1000\\2", "00281051": "2000\\2", "00281055": "LUNG\\Doe^Jane" };
    const compressed = dicomFile(
      { ...RADIOGRAPH, ...size, ...windows, "7fe00010": [frame] },
      syntax,
    );
    const grays = {
      plain: "no window: values 0 to 4080 spread",
      compressed: "window 1 of 2: centre 1000, width 2000 (LUNG)",
    };
    for (const [name, file] of [["plain", phantom(1)], ["compressed", compressed]] as const) {
      await Deno.writeFile(`${folder}/${name}.dcm`, file);
      const { code, stdout, stderr } = await runCommand("ground", [
        ...["--image", `${name}.dcm`, "--phrase", "effusion", ...FAST, "--out", name],
      ], folder);
      assertEquals(code, 0, stderr);
      const outputs = [...Deno.readDirSync(`${folder}/${name}`)].map(({ name: output }) =>
        Deno.readFileSync(`${folder}/${name}/${output}`)
      );
      assertEquals(outputs.length, 3);
      const texts = [stdout, stderr, ...outputs.map((bytes) => new TextDecoder().decode(bytes))];
      assert(!texts.some((text) => text.includes("Doe")));
      const result = JSON.parse(await Deno.readTextFile(`${folder}/${name}/result.json`));
      assertEquals(result.grayLevels, grays[name]);
    }
  }));

Deno.test("eval scores VinDr-CXR from its DICOM files, which lie elsewhere than its boxes", () =>
  inFolder(async (folder) => {
    for (const name of ["annotations", "test"]) await Deno.mkdir(`${folder}/${name}`);
    await Deno.writeFile(`${folder}/test/a.dicom`, phantom(1));
    await Deno.writeFile(`${folder}/test/b.dicom`, phantom(2).subarray(0, -9));
    await Deno.writeTextFile(
      `${folder}/annotations/annotations_test.csv`,
      "image_id,class_name,x_min,y_min,x_max,y_max\n" +
        "a,Cardiomegaly,30,30,60,60\na,ILD,20,10,50,50\nb,Edema,20,10,50,50\n",
    );
    await Deno.writeTextFile(
      `${folder}/annotations/image_labels_test.csv`,
      "image_id,Pneumonia\na,1\nb,0\n",
    );
    const { code, stderr } = await runCommand("eval", [
      ...["--dataset", "annotations/annotations_test.csv", "--images", "test"],
      ...[...FAST, "--out", "out"],
    ], folder);
    assertEquals(code, 3, stderr);
    const lines = (await Deno.readTextFile(`${folder}/out/results.jsonl`)).trim().split("\n");
    const results = lines.map((line) => JSON.parse(line));
    assertEquals(results.map(({ id, category, status }) => [id, category, status]), [
      ["a#1", "Cardiomegaly", "scored"],
      ["a#2", "Pneumonia", "scored"],
      ["b#1", "Edema", "failed"],
    ]);
    assert(results[2].reason.endsWith("the DICOM file is truncated or corrupt"));
    const table = await Deno.readTextFile(`${folder}/out/table.md`);
    assert(!table.includes("published"), table);
    const report = await Deno.readTextFile(`${folder}/out/report.html`);
    assert(report.includes('data-grey="no window: values 0 to 4080 spread"'));
  }));
