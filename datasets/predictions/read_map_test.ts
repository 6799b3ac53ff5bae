import "../../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { Random } from "../../base/random.ts";
import { encodeNifti } from "../../reports/exports/nifti.ts";
import { readMap } from "./read_map.ts";

/** Files as NumPy 2.4.6, Pillow 13.0.0 and nibabel 5.4.2 write them, in base64. */
const FILES: Record<string, string> = JSON.parse(
  await Deno.readTextFile(new URL("./fixtures/maps.json", import.meta.url)),
);

const bytesOf = (name: string) => Uint8Array.fromBase64(FILES[name]!);

async function read(bytes: Uint8Array, array?: string) {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    return await readMap(path, array);
  } finally {
    await Deno.remove(path);
  }
}

/** Files that hold other numbers than 0 to 5 in rows of 3, or none. */
const OTHER: Record<string, number[]> = {
  "bool.npy": [0, 1, 0, 1, 0, 1],
  "bool.png": [0, 1, 0, 1, 0, 1],
  "16.png": [0, 1000, 2000, 3000, 4000, 5000],
};

const REFUSED: Record<string, string> = {
  "object.npy": "expected an array of bool, integers or floats, found Python objects",
  "complex.npy": "expected an array of bool, integers or floats, found type '<c8'",
  "records.npy": "expected an array of bool, integers or floats, found records",
  "text.npy": "expected an array of bool, integers or floats, found type '<U1'",
  "times.npy": "expected an array of bool, integers or floats, found type '<M8[s]'",
  "one_axis.npy": "expected an array of two axes, found shape (6)",
  "three_axes.npy": "expected an array of two axes, found shape (2, 3, 4)",
  "scalar.npy": "expected an array of two axes, found shape ()",
  "empty.npy": "expected a map of 1 to 33554432 values, found 3 x 0",
  "two.npz": 'it has 2 arrays ("heat", "other"), expected one, or a column "array" that names one',
  "rgb.png": "expected a grey PNG, found colours or alpha",
  "volume.nii.gz": "expected a map of one slice, found axes 2 x 3 x 4",
};

Deno.test("readMap() reads maps as NumPy, Pillow and nibabel write them", async () => {
  let count = 0;
  for (const name of Object.keys(FILES).filter((name) => !REFUSED[name])) {
    const { width, height, values } = await read(bytesOf(name));
    const expected = OTHER[name] ?? [0, 1, 2, 3, 4, 5];
    assertEquals([name, width, height, ...values], [name, 3, 2, ...expected]);
    count++;
  }
  assertEquals(count, 28);
  for (const array of ["heat", "other"]) {
    const { values } = await read(bytesOf("two.npz"), array);
    assertEquals([...values], array === "heat" ? [0, 1, 2, 3, 4, 5] : [0, 0, 0, 0, 0, 0]);
  }
});

Deno.test("readMap() reads what convert writes as NIfTI", async () => {
  const values = Float32Array.from({ length: 12 }, (_, i) => i / 7 - 1);
  const { width, height, values: own } = await read(
    await encodeNifti(values, { width: 4, height: 3 }),
  );
  assertEquals([width, height, [...own]], [4, 3, [...values]]);
});

Deno.test("readMap() scales a NIfTI by its slope", async () => {
  const bytes = bytesOf("f4.nii").slice();
  const view = new DataView(bytes.buffer);
  view.setFloat32(112, 2, true);
  view.setFloat32(116, -1, true);
  assertEquals([...(await read(bytes)).values], [-1, 1, 3, 5, 7, 9]);
});

Deno.test("readMap() refuses other arrays in one sentence that names the file", async () => {
  for (const [name, reason] of Object.entries(REFUSED)) {
    await assertRejects(() => read(bytesOf(name)), Error, reason, name);
  }
  await assertRejects(() => read(bytesOf("two.npz"), "x"), TypeError, 'it has no array "x"');
  await assertRejects(() => read(bytesOf("<f4.npy"), "x"), TypeError, "expected a .npz with");
  await assertRejects(() => read(new Uint8Array(9)), TypeError, "expected a .npy, .npz, grey PNG");
  await assertRejects(() => readMap("/nowhere.npy"), Deno.errors.NotFound, '"/nowhere.npy"');
  await assertRejects(() => readMap("/"), TypeError, "it is a folder");
});

Deno.test("readMap() refuses cut, changed and swollen files, and takes no memory for them", async () => {
  const random = new Random(5);
  for (const name of Object.keys(FILES)) {
    const whole = bytesOf(name);
    for (let round = 0; round < 12; round++) {
      const bytes = whole.slice(0, round % 2 ? random.integer(0, whole.length - 1) : whole.length);
      for (let i = 0; i < 3; i++) bytes[random.integer(0, 200)] = random.integer(0, 255);
      try {
        const { width, height, values } = await read(bytes);
        assertEquals(values.length, width * height);
      } catch (error) {
        assertEquals((error as Error).constructor.name.startsWith("Input"), true, String(error));
      }
    }
  }
  const huge = new TextEncoder().encode(
    " ".repeat(10) + "{'descr': '<f8', 'fortran_order': False, 'shape': (99999, 99999), }",
  );
  huge.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, huge.length - 10, 0]);
  await assertRejects(() => read(huge), RangeError, "found 99999 x 99999");
});
