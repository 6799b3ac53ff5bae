import "../../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { deflateRawSync, deflateSync } from "node:zlib";
import {
  type DicomElements,
  dicomFile,
  metaGroup,
  PREAMBLE,
  RADIOGRAPH,
  words,
} from "../support/dicom_file.ts";
import { FRAMES } from "../support/dicom_frames.ts";
import { IMAGE_FILES } from "../support/image_files.ts";
import { Random } from "../../base/random.ts";
import type { AssetList } from "../../web/server/assets.ts";
import { modelFiles } from "../../web/server/page_files.ts";
import { startServer } from "../../web/server/server.ts";
import { chunk, END, SIGNATURE } from "../fuzz/image_targets.ts";
import { big, join, mutateBytes } from "../fuzz/mutate.ts";
import { inFolder } from "../support/command.ts";
import { outcome } from "../support/decode_outcome.ts";
import { withPage } from "../support/chromium.ts";

/** Lets the page's worker decode a list of files, one after another. */
const PAGE_SCRIPT = `
  const worker = new Worker("/worker.js", { type: "module" });
  worker.onerror = ({ message }) => console.error(message);
  const decode = (file) =>
    new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage(Uint8Array.from(file));
    });
  globalThis.decodeAll = async (files) => {
    const outcomes = [];
    for (const file of files) outcomes.push(await decode(file));
    return outcomes;
  };`;

async function makePage(folder: string): Promise<AssetList> {
  const text = `<!doctype html><title>page</title><link rel="icon" href="data:,">
    <script type="module" src="main.js"></script>`;
  await Deno.writeTextFile(`${folder}/index.html`, text);
  await Deno.writeTextFile(`${folder}/main.js`, PAGE_SCRIPT);
  const file = (name: string) => new URL(`file://${folder}/${name}`);
  const worker = new URL("../support/decode_worker.ts", import.meta.url);
  return new Map([
    ...modelFiles(),
    ["/", { file: file("index.html") }],
    ["/main.js", { file: file("main.js") }],
    ["/worker.js", { file: worker, isScript: true }],
  ]);
}

/** Builds a 16-bit PNG of colour type 0 (grey) or 2 (RGB). Its rows use each filter in turn. */
function deepPng(type: 0 | 2): Uint8Array {
  const [width, height] = [7, 6];
  const row = (y: number) =>
    Uint8Array.from({ length: 2 * (type + 1) * width }, (_, i) => i * y * 41);
  const rows = Array.from({ length: height }, (_, y) => join([y % 5], row(y)));
  const header = [...big(width, 4), ...big(height, 4), 16, type, 0, 0, 0];
  const pixels = chunk("IDAT", deflateSync(join(...rows)));
  return join(SIGNATURE, chunk("IHDR", header), pixels, END);
}

/** Builds DICOM files, one for each compression. */
async function dicomFiles(): Promise<Record<string, Uint8Array>> {
  const { default: { Context, NativeCodecs } } = await import("dcmjs-codecs");
  await NativeCodecs.initializeAsync();
  const [width, height] = [16, 12];
  const values = words(Array.from({ length: width * height }, (_, i) => i * i % 4096));
  const context = (bits: 8 | 16, decodedBuffer: Uint8Array) =>
    new Context({
      ...{ width, height, bitsAllocated: bits, bitsStored: bits, samplesPerPixel: 1 },
      ...{ pixelRepresentation: 0, planarConfiguration: 0, decodedBuffer },
      photometricInterpretation: "MONOCHROME2",
    });
  const lossless = NativeCodecs.encodeJpeg(context(16, values), { lossy: false });
  const lossy = NativeCodecs.encodeJpeg(context(8, values.slice(width * height)), { lossy: true });
  const size = { "00280010": height, "00280011": width };
  const file = (elements: DicomElements, syntax: string) =>
    dicomFile({ ...RADIOGRAPH, ...elements }, syntax);
  const [rle, jpegLs, jpeg2000, htj2k] = FRAMES.map(({ size, frame, syntax }) =>
    file({ ...size, "7fe00010": [frame] }, syntax)
  );
  const plain = file({ ...size, "7fe00010": values }, "1.2.840.10008.1.2");
  const data = plain.subarray(PREAMBLE.length + metaGroup("1.2.840.10008.1.2").length);
  return {
    "DICOM": plain,
    "DICOM of a data set alone": data,
    "DICOM, deflated": join(
      PREAMBLE,
      metaGroup("1.2.840.10008.1.2.1.99"),
      deflateRawSync(data),
    ),
    "DICOM in HTJ2K": htj2k!,
    "DICOM in RLE": rle!,
    "DICOM in JPEG-LS": jpegLs!,
    "DICOM in JPEG 2000": jpeg2000!,
    "DICOM in lossless JPEG": file(
      { ...size, "7fe00010": [lossless.getEncodedBuffer()!] },
      "1.2.840.10008.1.2.4.70",
    ),
    "DICOM in JPEG": file(
      {
        ...size,
        "00280100": 8,
        "00280101": 8,
        "00280102": 7,
        "7fe00010": [lossy.getEncodedBuffer()!],
      },
      "1.2.840.10008.1.2.4.50",
    ),
  };
}

Deno.test("a worker in a browser has the pixels and the refusals that Deno has", () =>
  inFolder(async (folder) => {
    const whole: Record<string, Uint8Array> = {
      ...IMAGE_FILES,
      "PNG of 16 bits": deepPng(0),
      "PNG of RGB with 16 bits": deepPng(2),
      ...await dicomFiles(),
    };
    const files = Object.entries(whole).flatMap(([what, file]): [string, Uint8Array][] => [
      [what, file],
      [`${what}, cut`, file.slice(0, -30)],
      ...Array.from({ length: 5 }, (_, seed): [string, Uint8Array] => [
        `${what}, fault ${seed}`,
        mutateBytes(new Random(seed), file),
      ]),
    ]);
    const expected: [string, string][] = [];
    for (const [what, file] of files) expected.push([what, await outcome(file)]);
    for (const [what, text] of expected) {
      if (what in whole) assert(/^\d+x\d+: \d+,/.test(text), `${what}: ${text}`);
      if (what.endsWith("cut")) assert(text.endsWith("truncated or corrupt"), `${what}: ${text}`);
    }

    await using server = startServer({ port: 0, assets: await makePage(folder) });
    await withPage(async (page) => {
      await page.goto(server.url);
      await page.waitForFunction("globalThis.decodeAll");
      const sent = JSON.stringify(files.map(([, file]) => [...file]));
      const outcomes = await page.evaluate(`decodeAll(${sent})`) as string[];
      assertEquals(files.map(([what], i) => [what, outcomes[i]!]), expected);
    });
  }));
