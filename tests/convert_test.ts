import "../base/host/deno/mod.ts";
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { parse } from "@std/csv";
import dicomParser from "dicom-parser";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { decodeImage } from "../pipeline/decode.ts";
import { encodeRle } from "../reports/exports/rle.ts";
import { Run as RunHeatmaps } from "../runs/run.ts";
import { dicomFile, RADIOGRAPH, words } from "./support/dicom_file.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { writeGray } from "./support/image.ts";

const ALL = "npy,png16,nifti,mask,rle,coco,boxes,dicom-seg";
const QUICK = ["--steps", "10", "--noise", "sample", "--device", "cpu"];

const ROWS = `image,phrase,category,x,y,w,h
wide.dcm,left pleural effusion,Pleural Effusion,30,30,20,20
wide.dcm,"the heart, ""enlarged""",Cardiomegaly,10,10,30,30
gone.png,pneumonia,Pneumonia,10,10,30,30
tall.png,pneumonia,Pneumonia,10,10,30,30
tall.png,edema,,,,,
`;

/** Makes a run of a DICOM file and a PNG; a third image is missing, so that its sample fails. */
async function makeRun(folder: string, ...more: string[]): Promise<void> {
  const { data, width, height } = drawPhantom({ seed: 1, width: 96, height: 80 });
  const elements = {
    ...{ "00080016": "1.2.840.10008.5.1.4.1.1.1.1", "00080018": "1.2.3.1" },
    ...{ "0020000d": "1.2.3.2", "0020000e": "1.2.3.3", "00181164": "0.15\\0.14" },
    ...{ "00280010": height, "00280011": width },
    "7fe00010": words(Array.from(data, (level) => 16 * level)),
  };
  await Deno.writeFile(`${folder}/wide.dcm`, dicomFile({ ...RADIOGRAPH, ...elements }));
  await writeGray(`${folder}/tall.png`, drawPhantom({ seed: 2, width: 77, height: 101 }));
  await Deno.writeTextFile(`${folder}/rows.csv`, ROWS);
  const { code, stderr } = await runCommand("eval", [
    ...["--dataset", "rows.csv", ...QUICK, ...more, "--out", "run"],
  ], folder);
  assertEquals(code, 3, stderr);
}

/** Reads the values and the shape of a float32 `.npy` file. */
async function readNpy(path: string): Promise<{ values: Float32Array; shape: number[] }> {
  const bytes = await Deno.readFile(path);
  const start = 10 + new DataView(bytes.buffer).getUint16(8, true);
  const shape = /'shape': \((\d+), (\d+)\)/.exec(
    new TextDecoder().decode(bytes.subarray(0, start)),
  )!;
  return { values: new Float32Array(bytes.slice(start).buffer), shape: shape.slice(1).map(Number) };
}

async function readNifti(path: string): Promise<{ values: Float32Array; mm: number[] }> {
  using file = await Deno.open(path);
  const stream = file.readable.pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const view = new DataView(buffer);
  return {
    values: new Float32Array(buffer.slice(352)),
    mm: [view.getFloat32(80, true), view.getFloat32(84, true), view.getUint8(123)],
  };
}

const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

Deno.test("convert writes a run in every format, and all say the same", () =>
  inFolder(async (folder) => {
    await makeRun(folder);
    const { code, stdout, stderr } = await runCommand(
      "convert",
      ["run", "--to", ALL, "--out", "out", "--progress", "quiet"],
      folder,
    );
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /^4 samples; 1 more have no heatmap: out\/npy \(4 files\), /);
    assertMatch(stderr, /^No dicom-seg of 2 of 4 samples: their images are no DICOM files\n$/);
    const stems = ["1-wide-dcm-1", "2-wide-dcm-2", "4-tall-png-1", "5-tall-png-2"];
    for (const [name, ending] of Object.entries({ npy: "npy", mask: "png", nifti: "nii.gz" })) {
      assertEquals(namesIn(`${folder}/out/${name}`), stems.map((stem) => `${stem}.${ending}`));
    }
    const lines = (await Deno.readTextFile(`${folder}/out/rle.jsonl`)).trim().split("\n");
    const rles = lines.map((line) => JSON.parse(line));
    const boxes = parse(await Deno.readTextFile(`${folder}/out/boxes.csv`), {
      skipFirstRow: true,
    }) as Record<string, string>[];
    const read = async (name: string) =>
      JSON.parse(await Deno.readTextFile(`${folder}/out/coco/${name}.json`));
    const [coco, found] = [await read("annotations"), await read("results")];
    assertEquals(coco.images.map((image: { file_name: string }) => image.file_name), [
      "./wide.dcm",
      "./tall.png",
    ]);
    assertEquals(coco.annotations.map((entry: { bbox: number[] }) => entry.bbox), [
      [30, 30, 20, 20],
      [10, 10, 30, 30],
      [10, 10, 30, 30],
    ]);
    assertEquals(coco.categories.map(({ name }: { name: string }) => name), [
      "Pneumonia",
      "Cardiomegaly",
      "Pleural Effusion",
      "(none)",
    ]);
    using heatmaps = await RunHeatmaps.open(`${folder}/run`);
    for (const [i, stem] of stems.entries()) {
      const { id, phrase, counts, size } = rles[i]!;
      const { image: { width, height }, crop, heatmap } = await heatmaps.get(id);
      assertEquals(size, [height, width]);
      const { values, shape } = await readNpy(`${folder}/out/npy/${stem}.npy`);
      assertEquals(shape, [height, width]);
      const seen = values.filter((value) => !Number.isNaN(value));
      assertEquals(seen.length, crop.side ** 2);
      assertEquals(new Set(seen).difference(new Set(heatmap)).size, 0);
      const nifti = await readNifti(`${folder}/out/nifti/${stem}.nii.gz`);
      assertEquals(nifti.values, values);
      const mm = i < 2 ? [Math.fround(0.14), Math.fround(0.15), 2] : [1, 1, 0];
      assertEquals(nifti.mm, mm);
      const mask = Uint8Array.from(values, (value) => value > 0 ? 1 : 0);
      const png = await decodeImage(`${folder}/out/mask/${stem}.png`);
      assertEquals([png.width, png.height], [width, height]);
      assert(png.data.every((value, at) => value === 255 * mask[at]!));
      assertEquals(counts, encodeRle(mask, { width, height }).counts);
      const [columns, rows] = [new Set<number>(), new Set<number>()];
      mask.forEach((value, at) => {
        if (value) columns.add(at % width) && rows.add(Math.floor(at / width));
      });
      const [x, y] = [Math.min(...columns), Math.min(...rows)];
      const box = [x, y, Math.max(...columns) + 1 - x, Math.max(...rows) + 1 - y];
      const row = boxes[i]!;
      assertEquals([row.x, row.y, row.w, row.h].map(Number), box);
      assertEquals([row.id, row.phrase], [id, phrase]);
      const entry = found[i];
      assertEquals(entry.bbox, box);
      assertEquals(entry.segmentation, { size, counts });
      assertEquals(entry.image_id, i < 2 ? 1 : 2);
      assertEquals(entry.phrase, phrase);
      const above = heatmap.filter((value) => value > 0);
      const mean = above.reduce((sum, value) => sum + value, 0) / above.length;
      assertAlmostEquals(entry.score, mean, 1e-6);
      if (i >= 2) continue;
      const seg = await Deno.readFile(`${folder}/out/dicom-seg/${stem}.dcm`);
      assert(!new TextDecoder("latin1").decode(seg).includes("Doe"));
      const { dataOffset } = dicomParser.parseDicom(seg).elements.x7fe00010!;
      assert(mask.every((value, at) => (seg[dataOffset + (at >> 3)]! >> (at & 7) & 1) === value));
    }

    const again = ["run", "--to", ALL, "--out", "again", "--progress", "quiet"];
    await runCommand("convert", again, folder);
    for (const name of ["dicom-seg/1-wide-dcm-1.dcm", "nifti/4-tall-png-1.nii.gz", "boxes.csv"]) {
      const [one, other] = ["out", "again"].map((out) =>
        Deno.readFileSync(`${folder}/${out}/${name}`)
      );
      assertEquals(one, other, name);
    }
  }));

Deno.test("convert's boxes are predictions and a dataset; another margin makes pixels 0", () =>
  inFolder(async (folder) => {
    await makeRun(folder, "--margin", "zero");
    await runCommand("convert", ["run", "--to", "boxes,npy", "--out", "out"], folder);
    const { values } = await readNpy(`${folder}/out/npy/1-wide-dcm-1.npy`);
    assertEquals([values[0], values.some(Number.isNaN)], [0, false]);
    const nan = ["run", "--to", "npy", "--outside", "nan", "--out", "nan"];
    await runCommand("convert", nan, folder);
    assertEquals((await readNpy(`${folder}/nan/npy/1-wide-dcm-1.npy`)).values[0], NaN);
    const predicted = await runCommand("eval", [
      ...["--dataset", "rows.csv", "--method", "boxes", "--predictions", "out/boxes.csv"],
      ...["--out", "predicted"],
    ], folder);
    assertMatch(predicted.stdout, /3 scored/);
    const read = await runCommand("eval", [
      ...["--dataset", "out/boxes.csv", "--images", ".", ...QUICK, "--out", "read"],
    ], folder);
    assertEquals(read.code, 0, read.stderr);
    assertMatch(read.stdout, /4 scored, 0 skipped, 0 failed/);
  }));

Deno.test("convert writes 0 outside, and patient and study, on request", () =>
  inFolder(async (folder) => {
    await makeRun(folder);
    const convert = async (out: string, ...more: string[]) => {
      const args = ["run", "--to", "npy,nifti,dicom-seg", "--out", out, "--progress", "quiet"];
      const { code, stderr } = await runCommand("convert", [...args, ...more], folder);
      assertEquals(code, 0, stderr);
      return stderr;
    };
    assert(!(await convert("plain")).includes("patient"));
    assertMatch(
      await convert("kept", "--outside", "zero", "--keep-patient"),
      /^The files in kept\/dicom-seg name the patients of their images, since --keep-patient is/,
    );
    const stem = "1-wide-dcm-1";
    const arrays = async (out: string) => [
      (await readNpy(`${folder}/${out}/npy/${stem}.npy`)).values,
      (await readNifti(`${folder}/${out}/nifti/${stem}.nii.gz`)).values,
    ];
    const plain = await arrays("plain");
    for (const [i, values] of (await arrays("kept")).entries()) {
      assert(plain[i]!.some(Number.isNaN));
      assertEquals(values, plain[i]!.map((value) => Number.isNaN(value) ? 0 : value));
    }
    const patient = async (out: string) =>
      dicomParser.parseDicom(await Deno.readFile(`${folder}/${out}/dicom-seg/${stem}.dcm`))
        .string("x00100010");
    assertEquals([await patient("plain"), await patient("kept")], [undefined, "Doe^Jane"]);
  }));

Deno.test("convert leaves out an image that is not there or another, and says so", () =>
  inFolder(async (folder) => {
    await makeRun(folder);
    await Deno.remove(`${folder}/tall.png`);
    const size = { "00280010": 1, "00280011": 1 };
    const other = dicomFile({ ...RADIOGRAPH, ...size, "7fe00010": words([1]) });
    await Deno.writeFile(`${folder}/wide.dcm`, other);
    const { code, stdout, stderr } = await runCommand(
      "convert",
      ["run", "--to", "nifti,boxes", "--out", "out", "--progress", "quiet"],
      folder,
    );
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /^4 samples; 1 more have no heatmap: out\/boxes.csv\n$/);
    const notices = stderr.trim().split("\n");
    assertEquals(notices.length, 4);
    assertMatch(
      notices[0]!,
      /^No nifti of "wide.dcm#1": "\.\/wide.dcm" has 1x1 pixels, and had 96x80$/,
    );
    assertMatch(notices[2]!, /^No nifti of "tall.png#1": .*there is no such file$/);
    assertEquals(namesIn(`${folder}/out`), ["boxes.csv"]);
  }));

Deno.test("convert refuses unknown formats, masks of a run without masks, and unwritable files", () =>
  inFolder(async (folder) => {
    await makeRun(folder, "--no-otsu");
    await Deno.writeTextFile(`${folder}/file`, "");
    const cases: [string[], number, RegExp][] = [
      [["run", "--to", "npy,mha", "--out", "x"], 2, /"--to" must be some of npy, .*, got "mha"/],
      [["run", "--out", "x"], 2, /"--to" is needed/],
      [["run", "--to", "npy", "--keep-patient", "--out", "x"], 2, /needs "--to dicom-seg"/],
      [
        ["run", "--to", "mask", "--outside", "zero", "--out", "x"],
        2,
        /needs "--to npy" or "--to ni/,
      ],
      [
        ["run", "--to", "npy", "--outside", "1", "--out", "x"],
        2,
        /must be one of nan, zero, got "1"/,
      ],
      [["run", "--to", "npy,mask,coco", "--out", "x"], 1, /Cannot write mask, coco of "run"/],
      [["run", "--to", "npy", "--setting", "b", "--out", "x"], 1, /Cannot convert setting "b"/],
      [
        ["none", "--to", "npy", "--out", "x"],
        1,
        /Cannot read "none": expected the folder of a run/,
      ],
      [["run", "--to", "npy", "--out", "file"], 1, /Cannot write to folder "file"/],
    ];
    for (const [args, expected, message] of cases) {
      const { code, stderr } = await runCommand("convert", args, folder);
      assertEquals(code, expected, stderr);
      assertMatch(stderr, message);
    }
    assert(!namesIn(folder).includes("x"));
    const { code } = await runCommand("convert", ["run", "--to", "npy", "--out", "x"], folder);
    assertEquals([code, namesIn(`${folder}/x/npy`).length], [0, 4]);
  }));
