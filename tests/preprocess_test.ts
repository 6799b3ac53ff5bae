import { assert, assertEquals } from "@std/assert";
import { decode, Image } from "imagescript";
import { preprocess } from "../images/preprocess.ts";
import { floats, readSafetensors } from "./support/safetensors.ts";

const SHARED = new URL("../../shared/", import.meta.url);

/** Folder and name of each reference image, and its tolerance, because JPEG decoders differ. */
const IMAGES = [
  { folder: "reference/preprocess/", name: "small-701x523.png", most: 1e-5 },
  {
    folder: "reference/preprocess/",
    name: "portrait-2544x3056.jpg",
    most: 3 / 255,
  },
  {
    folder: "reference/preprocess/",
    name: "landscape-3056x2544.jpg",
    most: 3 / 255,
  },
  { folder: "cxr/", name: "16747_3_1.jpg", most: 3 / 255 },
];

for (const { folder, name, most } of IMAGES) {
  Deno.test(`preprocess() agrees with reference ${name}`, async () => {
    const tensors = await readSafetensors(
      new URL("reference/preprocess/expected.safetensors", SHARED),
    );
    const expected = floats(tensors, name);
    const image = await decode(
      await Deno.readFile(new URL(`${folder}${name}`, SHARED)),
    );
    if (!(image instanceof Image)) throw new TypeError(`Expected one image in ${name}`);
    const { width, height, bitmap } = image;
    const data = new Uint8Array(width * height);
    for (let index = 0; index < data.length; index++) {
      data[index] = bitmap[index * 4]!;
    }
    const actual = preprocess({ data, width, height }, 512);
    assertEquals(actual.length, expected.length);
    let largest = 0;
    let total = 0;
    actual.forEach((value, index) => {
      const difference = Math.abs(value - expected[index]!);
      largest = Math.max(largest, difference);
      total += difference;
    });
    const mean = total / actual.length;
    console.log(
      `${name}: largest difference ${largest.toExponential(1)}, mean ${mean.toExponential(1)}`,
    );
    assert(largest <= most);
    assert(mean <= 0.5 / 255);
  });
}
