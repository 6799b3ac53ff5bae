import { assert, assertEquals, assertRejects } from "@std/assert";
import { openDataset, type OpenDatasetOptions, pathsOutsideImages } from "./open_dataset.ts";
import type { DatasetItem } from "./sample.ts";

const COLUMNS = "dicom_id,category_name,label_text,x,y,w,h,image_width,image_height,path";

/**
 * Writes files to a new folder with an empty `files/` for images, runs a test, and removes the
 * folder.
 */
async function withFiles(
  files: Record<string, string>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  try {
    await Deno.mkdir(`${folder}/files`);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function read(path: string, options: OpenDatasetOptions = {}): Promise<DatasetItem[]> {
  return await Array.fromAsync((await openDataset(path, options)).items);
}

const samples = (items: DatasetItem[]) =>
  items.flatMap((item) => item.kind === "sample" ? [item.sample] : []);
const failures = (items: DatasetItem[]) =>
  items.flatMap((item) => item.kind === "failure" ? [item.failure] : []);

Deno.test("openDataset() merges the rows of one image and phrase, images together", () =>
  withFiles({
    "a.csv": [
      COLUMNS,
      "d1,Pneumonia,left base,1,2,3,4,100,200,files/1.jpg",
      "d2,Edema,haze,5,6,7,8,100,200,files/2.jpg",
      "d1,Pneumonia,left base,9,10,11,12,100,200,files/1.jpg",
      "d1,Atelectasis,band,1,1,1,1,100,200,files/1.jpg",
    ].join("\n"),
  }, async (folder) => {
    const found = samples(await read(`${folder}/a.csv`));
    assertEquals(found.map(({ id, phrase }) => [id, phrase]), [
      ["d1#1", "left base"],
      ["d1#2", "band"],
      ["d2#1", "haze"],
    ]);
    assertEquals(found[0]!.boxes, [[1, 2, 3, 4], [9, 10, 11, 12]]);
    assertEquals(found[0]!.category, "Pneumonia");
    assertEquals(found[0]!.imageSize, { width: 100, height: 200 });
    assertEquals(found[0]!.image, `${folder}/files/1.jpg`);
  }));

Deno.test("openDataset() takes columns in any order, a byte order mark, CRLF and quoted fields", () =>
  withFiles({
    "a.csv":
      "\uFEFFpath,label_text,split,x,y,w,h,extra,image_height,image_width,category_name,dicom_id\r\n" +
      'files/1.jpg,"opacity, ""patchy""\r\nat the base",TEST,1.0,2,3,4,,200,100,Edema,d1\r\n' +
      "\r\n" +
      "files/1.jpg,second,val,x,2,3,4,,200,100,Edema,d1\r\n",
  }, async (folder) => {
    const items = await read(`${folder}/a.csv`);
    const [first] = samples(items);
    assertEquals(first!.phrase.replaceAll("\r", ""), 'opacity, "patchy"\nat the base');
    assertEquals(first!.boxes, [[1, 2, 3, 4]]);
    assertEquals(failures(items).map(({ id, reason }) => [id, reason]), [
      ["a.csv:5", 'x of the box must be a number, got "x"'],
    ]);
    assertEquals(samples(await read(`${folder}/a.csv`, { split: "test" })).length, 1);
  }));

Deno.test("openDataset() reads the COCO-style JSON", () =>
  withFiles({
    "a.json": JSON.stringify({
      images: [{ id: 7, file_name: "1.jpg", path: "files/1.jpg", width: 50, height: 60 }],
      categories: [{ id: 3, name: "Edema" }],
      annotations: [
        { image_id: 7, category_id: 3, bbox: [1, 2, 3, 4], label_text: "haze" },
        { image_id: 7, category_id: 3, bbox: [5, 6, 7, 8], label_text: "haze" },
        { image_id: 8, category_id: 3, bbox: [1, 2, 3, 4], label_text: "no image" },
        { image_id: 7, category_id: 4, bbox: [1, 2, 3, 4], label_text: "no class" },
        { image_id: 7, category_id: 3, bbox: [1, 2, 3], label_text: "short box" },
      ],
    }),
  }, async (folder) => {
    const items = await read(`${folder}/a.json`);
    assertEquals(samples(items).map(({ boxes, category }) => [boxes.length, category]), [
      [2, "Edema"],
    ]);
    assertEquals(failures(items).length, 3);
    assert(failures(items).every(({ id }) => /a\.json:annotations\[[234]\]/.test(id)));
    await assertRejects(() => read(`${folder}/b.json`), Deno.errors.NotFound, "no such file");
  }));

Deno.test("openDataset() names the missing parts of a JSON document", () =>
  withFiles({
    "a.json": '{"images": [], "annotations": []}',
    "b.json": '{"images": [{"id": 1}], "categories": [], "annotations": []}',
    "c.json": "{",
    "d.json": "5",
  }, async (folder) => {
    await assertRejects(() => read(`${folder}/a.json`), SyntaxError, '"categories"');
    await assertRejects(
      () => read(`${folder}/b.json`),
      SyntaxError,
      'images[0] has no "file_name"',
    );
    await assertRejects(() => read(`${folder}/c.json`), SyntaxError, "not valid JSON");
    await assertRejects(
      () => read(`${folder}/d.json`),
      SyntaxError,
      "expected the JSON of MS-CXR, ChestX-Det or PadChest-GR, found 5",
    );
  }));

Deno.test("openDataset() fails a bad row by itself and names it", () =>
  withFiles({
    "a.csv": [
      COLUMNS,
      ...[
        ["one", "NaN,2,3,4"],
        ["two", "1,2,0,4"],
        ["three", "1,2,3,-4"],
        ["four", "100,2,3,4"],
        ["five", "-1,2,3,4"],
        ["six", "1,,3,4"],
        [" ", "1,2,3,4"],
        ["eight", "1,2,3,4,5"],
        ["ten", "1,2,1e999,4"],
      ].map(([phrase, box]) => `d,Edema,${phrase},${box},100,200,files/1.jpg`),
      "d,Edema,good,90,2,30,4.5,100,200,files/1.jpg",
      "d,Edema,half bad,1,2,3,4,100,200,files/1.jpg",
      "d,Edema,half bad,1,2,3,x,100,200,files/1.jpg",
    ].join("\n"),
  }, async (folder) => {
    const items = await read(`${folder}/a.csv`);
    const lines = failures(items).map(({ id }) => Number(id.split(":")[1]));
    assertEquals(lines.toSorted((a, b) => a - b), [2, 3, 4, 5, 6, 7, 8, 9, 10, 13]);
    const [good, ...others] = samples(items);
    assertEquals(others, []);
    assertEquals(good!.boxes, [[90, 2, 10, 4]]);
    assertEquals(good!.notes!.length, 2);
  }));

Deno.test("openDataset() refuses image paths that lead out of the root, but by links of its owner", () =>
  withFiles({
    "a.csv": [
      COLUMNS,
      ...[
        "../secret.jpg",
        "files/../../secret.jpg",
        "/etc/passwd",
        "files\\..\\..\\x.jpg",
        "C:/x.jpg",
        "",
        "files/link/x.jpg",
      ]
        .map((path, i) => `d${i},Edema,p,1,2,3,4,100,200,${path}`),
    ].join("\n"),
  }, async (folder) => {
    const outside = await Deno.makeTempDir();
    await Deno.writeTextFile(`${outside}/x.jpg`, "");
    await Deno.symlink(outside, `${folder}/files/link`);
    const items = await read(`${folder}/a.csv`);
    await Deno.remove(outside, { recursive: true });
    assertEquals(samples(items).map(({ image }) => image), [`${folder}/files/link/x.jpg`]);
    const reasons = failures(items).map(({ reason }) => reason);
    assertEquals(reasons.length, 6);
    const four = reasons.slice(0, 4);
    assert(four.every((reason) => reason.includes("outside the image folder")), four.join("\n"));
    assert(reasons[4]!.includes("is a path of Windows"));
    assert(reasons[5]!.includes("path is empty"));
  }));

Deno.test("openDataset() reads MS-CXR as Windows writes it, from a tree behind links", () =>
  withFiles({
    "a.csv": `${COLUMNS}\nd,Edema,p,1,2,3,4,100,200,files\\1.jpg\n`,
    "files/1.jpg": "",
  }, async (folder) => {
    await Deno.rename(`${folder}/files`, `${folder}/disk`);
    await Deno.mkdir(`${folder}/root`);
    await Deno.symlink("../disk", `${folder}/root/files`);
    await Deno.symlink("root", `${folder}/link`);
    for (
      const [images, place] of [
        ["root", "files/1.jpg"],
        ["link", "files/1.jpg"],
        ["link/files", "1.jpg"],
      ]
    ) {
      const [sample] = samples(await read(`${folder}/a.csv`, { images: `${folder}/${images}` }));
      assertEquals(sample!.image, `${folder}/${images}/${place}`);
    }
  }));

Deno.test("openDataset() reads a plain CSV, with boxes and without", () =>
  withFiles({
    "boxes.csv": "phrase,image,x,y,w,h\nband,a.png,1,2,3,4\nband,a.png,,,,\nhaze,a.png,1,,3,4\n",
    "bare.csv": "image,phrase,category\na.png,band,Edema\n",
  }, async (folder) => {
    const items = await read(`${folder}/boxes.csv`);
    assertEquals(samples(items).map(({ boxes }) => boxes), [[[1, 2, 3, 4]]]);
    assertEquals(failures(items).map(({ id }) => id), ["boxes.csv:4"]);
    const [bare] = samples(await read(`${folder}/bare.csv`));
    assertEquals([bare!.image, bare!.boxes, bare!.category], [`${folder}/a.png`, [], "Edema"]);
  }));

Deno.test("openDataset() names columns, splits and folders that are missing", () =>
  withFiles({
    "a.csv": `${COLUMNS.replace("label_text,", "")}\n`,
    "b.csv": "this,that\n1,2\n",
    "c.csv": `${COLUMNS}\n`,
    "d.csv": `${COLUMNS},split\nd,Edema,p,1,2,3,4,100,200,files/1.jpg,val\n`,
    "e.csv": 'image,"phrase\na.png,b\n',
    "f.csv": "image,phrase,image\n1,2,3\n",
  }, async (folder) => {
    const cases: [string, OpenDatasetOptions, string][] = [
      ["a.csv", {}, 'column "label_text" is missing (found: dicom_id, category_name, x'],
      ["b.csv", {}, "found this, that"],
      ["c.csv", {}, "it has no rows"],
      ["d.csv", { split: "test" }, "it has val"],
      ["d.csv", { images: `${folder}/nowhere` }, "there is no such folder"],
      ["e.csv", {}, 'e.csv": field 2 begins with a quote that does not close'],
      ["f.csv", {}, 'column "image" is there twice'],
    ];
    for (const [name, options, message] of cases) {
      await assertRejects(() => read(`${folder}/${name}`, options), Error, message);
    }
    await Deno.remove(`${folder}/files`);
    await assertRejects(() => read(`${folder}/d.csv`), Error, "--images");
  }));

Deno.test("openDataset() knows MS-CXR with columns of another layout added to it", () =>
  withFiles({
    "a.csv": `${COLUMNS},image,phrase\nd,Edema,p,1,2,3,4,100,200,files/1.jpg,x,y\n`,
  }, async (folder) => {
    const dataset = await openDataset(`${folder}/a.csv`);
    assertEquals([dataset.kind, dataset.count], ["ms-cxr", 1]);
  }));

Deno.test("openDataset() counts every row that cannot belong to a sample", () =>
  withFiles({
    "a.csv": [
      COLUMNS,
      "d,Edema,p,1,2,3,4,100,200,files/1.jpg",
      "d,Edema,p,1,2,3",
      "d,Edema,p,1,2",
      "d,Edema,,1,2,3,4,100,200,files/1.jpg",
      "d,Edema,,5,6,7,8,100,200,files/1.jpg",
    ].join("\n"),
  }, async (folder) => {
    const dataset = await openDataset(`${folder}/a.csv`);
    const found = failures(await Array.fromAsync(dataset.items));
    assertEquals(dataset.count, 5);
    assertEquals(found.map(({ id, reason }) => `${id} ${reason}`), [
      "a.csv:5 the phrase is empty",
      "a.csv:6 the phrase is empty",
      "a.csv:3 the row has 6 fields, but the header has 10",
      "a.csv:4 the row has 5 fields, but the header has 10",
    ]);
  }));

Deno.test({
  name: "openDataset() does not read from a device",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await assertRejects(() => openDataset("/dev/zero"), TypeError, "neither a file nor a folder");
  },
});

Deno.test("openDataset() finds the release in its folder, and images above files/", () =>
  withFiles({
    "MS_CXR_Local_Alignment_v1.1.0.csv": `${COLUMNS}\nd,Edema,p,1,2,3,4,100,200,files/1.jpg\n`,
    "MS_CXR_Local_Alignment_v1.1.0.json": "{}",
  }, async (folder) => {
    const [sample] = samples(await read(folder, { images: `${folder}/files` }));
    assertEquals(sample!.image, `${await Deno.realPath(folder)}/files/1.jpg`);
    await Deno.writeTextFile(`${folder}/MS_CXR_Local_Alignment_v1.0.0.csv`, "");
    await assertRejects(() => read(folder), Error, "expected one");
  }));

Deno.test("openDataset() stops at the limit", () =>
  withFiles({
    "a.csv": "image,phrase,x,y,w,h\na,p,0,0,0,1\na,q,1,1,1,1\nb,r,1,1,1,1\nc,s,1,1,1,1\n",
  }, async (folder) => {
    const dataset = await openDataset(`${folder}/a.csv`, { limit: 2 });
    assertEquals(dataset.count, 2);
    const items = await Array.fromAsync(dataset.items);
    assertEquals(samples(items).map(({ phrase }) => phrase), ["q", "r"]);
    assertEquals(failures(items).length, 1);
  }));

Deno.test("openDataset() takes a limit of the whole, and then the shard's part of it", () =>
  withFiles({
    "a.csv": "image,phrase,x,y,w,h\n" +
      [..."abcdef"].map((image) => `${image},p,1,1,1,1\n${image},q,1,1,1,1\n`).join(""),
  }, async (folder) => {
    const read = async (number: number) => {
      const shard = { number, count: 2 };
      const { plan, items } = await openDataset(`${folder}/a.csv`, { limit: 7, shard });
      const ids = samples(await Array.fromAsync(items)).map(({ id }) => id);
      assertEquals(plan.map(({ id }) => id), ids);
      return ids;
    };
    assertEquals(await read(1), ["a#1", "a#2", "c#1", "c#2"]);
    assertEquals(await read(2), ["b#1", "b#2", "d#1"]);
  }));

/** Content of an image file; these tests never decode images. */
const IMAGE = "";

Deno.test("openDataset() reads VinDr-CXR with the labels beside it, and finds images in any ending", () =>
  withFiles({
    "annotations_test.csv": "image_id,class_name,x_min,y_min,x_max,y_max\n" +
      "a,ILD,1,2,11,12\nb,Edema,1,2,11,12\nc,Edema,1,2,11,12\nb,Edema,5,5,9,9",
    "image_labels_test.csv": "image_id,Pneumonia\na,1\nb,0",
    "files/a.dicom": IMAGE,
    "files/a.png": IMAGE,
    "b.jpg": IMAGE,
  }, async (folder) => {
    const dataset = await openDataset(`${folder}/annotations_test.csv`, { split: "test" });
    assertEquals(dataset.kind, "vindr-cxr");
    const found = samples(await Array.fromAsync(dataset.items));
    assertEquals(found.map(({ id, image, category, boxes }) => [id, image, category, boxes]), [
      ["a#1", `${folder}/files/a.dicom`, "Pneumonia", [[1, 2, 10, 10]]],
      ["b#1", `${folder}/b.jpg`, "Edema", [[1, 2, 10, 10], [5, 5, 4, 4]]],
      ["c#1", `${folder}/c`, "Edema", [[1, 2, 10, 10]]],
    ]);
    const { sha256 } = dataset;
    await Deno.writeTextFile(`${folder}/image_labels_test.csv`, "image_id,Pneumonia\na,2");
    assert((await openDataset(`${folder}/annotations_test.csv`)).sha256 !== sha256);
  }));

Deno.test("openDataset() finds the file of a split in VinDr-CXR's folder, and images from there", () =>
  withFiles({ "test.csv": "" }, async (folder) => {
    const row = "image_id,class_name,x_min,y_min,x_max,y_max\na,Edema,1,2,11,12\n";
    await Deno.mkdir(`${folder}/annotations`);
    await Deno.mkdir(`${folder}/test`);
    for (const split of ["train", "test"]) {
      await Deno.writeTextFile(`${folder}/annotations/annotations_${split}.csv`, row);
    }
    await Deno.writeTextFile(`${folder}/test/a.dicom`, IMAGE);
    const [sample] = samples(await read(folder, { split: "test" }));
    assertEquals(sample!.image, `${await Deno.realPath(folder)}/test/a.dicom`);
    // The images' folder may be a link, e.g. to another disk.
    await Deno.rename(`${folder}/test`, `${folder}/annotations/disk`);
    await Deno.symlink("annotations/disk", `${folder}/test`);
    assertEquals(samples(await read(folder, { split: "test" })), [sample!]);
    // The link's name may be the name of a format: only a dot makes it an ending.
    await Deno.rename(`${folder}/test`, `${folder}/dicom`);
    const [linked] = samples(await read(folder, { split: "test" }));
    assertEquals(linked!.image, `${await Deno.realPath(folder)}/dicom/a.dicom`);
    await assertRejects(
      () => openDataset(folder),
      Deno.errors.NotFound,
      "found annotations/annotations_test.csv, annotations/annotations_train.csv; give one",
    );
  }));

Deno.test("openDataset() finds RSNA's labels in their folder, and names a folder's missing file", () =>
  withFiles({}, async (folder) => {
    await assertRejects(
      () => openDataset(folder),
      Deno.errors.NotFound,
      "grounded_reports_….json (PadChest-GR) or stage_2_train_labels.csv (RSNA) in it, found none",
    );
    const csv = "patientId,x,y,width,height,Target\np,1,2,3,4,1";
    await Deno.writeTextFile(`${folder}/stage_2_train_labels.csv`, csv);
    await Deno.writeTextFile(`${folder}/files/p.dcm`, IMAGE);
    const dataset = await openDataset(folder);
    assertEquals([dataset.kind, dataset.count], ["rsna-pneumonia", 1]);
  }));

Deno.test("openDataset() says where it looked for images that a dataset names without an ending", () =>
  withFiles({ "a.csv": "patientId,x,y,width,height,Target\np,1,2,3,4,1" }, async (folder) => {
    await assertRejects(
      () => openDataset(`${folder}/a.csv`),
      Deno.errors.NotFound,
      "give their folder with --images",
    );
    await Deno.writeTextFile(`${folder}/files/p.dcm`, IMAGE);
    const dataset = await openDataset(`${folder}/a.csv`);
    assertEquals(dataset.kind, "rsna-pneumonia");
    assertEquals(samples(await Array.fromAsync(dataset.items))[0]!.image, `${folder}/files/p.dcm`);
  }));

Deno.test("openDataset() reads PadChest-GR with the splits beside it, boxes in shares", () =>
  withFiles({
    "grounded_reports.json": JSON.stringify([{
      ImageID: "1.png",
      findings: [
        { sentence_en: "Effusion.", boxes: [[0.5, 0.5, 1.25, 1]] },
        { sentence_en: "Nodule.", boxes: [[0.5, 0.5, 0.4, 1]] },
        { sentence_en: "Mass.", boxes: [[-0.5, 0.5, 0.4, 1]] },
      ],
    }]),
    "master_table.csv": "ImageID,split\n1.png,validation",
  }, async (folder) => {
    const path = `${folder}/grounded_reports.json`;
    await assertRejects(() => openDataset(path, { split: "test" }), RangeError, "has validation");
    const dataset = await openDataset(path, { split: "validation" });
    assertEquals(dataset.kind, "padchest-gr");
    const items = await Array.fromAsync(dataset.items);
    const [effusion] = samples(items);
    assertEquals([effusion!.boxUnit, effusion!.boxes], ["image", [[0.5, 0.5, 0.5, 0.5]]]);
    assertEquals(effusion!.notes, [
      "box [0.5,0.5,0.75,0.5] reaches past the image and was cut to [0.5,0.5,0.5,0.5]",
    ]);
    const [nodule, mass] = failures(items);
    assert(nodule!.reason.endsWith("has no size"), nodule!.reason);
    assert(mass!.reason.includes("begins outside the image"), mass!.reason);
  }));

Deno.test("openDataset() keeps the ids of PadChest-GR's samples beside negative sentences", () =>
  withFiles({
    "grounded_reports.json": JSON.stringify([{
      ImageID: "1.png",
      findings: [
        { sentence_en: "No mass.", abnormal: false },
        { sentence_en: "Effusion.", boxes: [[0, 0, 1, 1]] },
        { sentence_en: "Nodule.", abnormal: false },
        { sentence_en: "Nodule.", boxes: [[0.5, 0.5, 0.9, 1]] },
      ],
    }]),
  }, async (folder) => {
    const read = async (negatives: boolean) => {
      const dataset = await openDataset(`${folder}/grounded_reports.json`, { negatives });
      const found = samples(await Array.fromAsync(dataset.items));
      const shown = found.map(({ id, phrase, isNegative, boxes }) => [
        ...[id, phrase, isNegative, boxes.length],
      ]);
      return [shown, dataset.negatives, dataset.count];
    };
    // A sentence with a box elsewhere in its report has something to find.
    const known = [["1#1", "Effusion.", undefined, 1], ["1#2", "Nodule.", undefined, 1]];
    assertEquals(await read(false), [known, undefined, 2]);
    assertEquals(await read(true), [[...known, ["1#3", "No mass.", true, 0]], 1, 3]);
  }));

/** Shared cases: real-world inputs with the expected results. */
const CASES = new URL("../../shared/cases/", import.meta.url).pathname;

Deno.test("openDataset() reads a bare quote as Python's csv does", async () => {
  const folder = `${CASES}csv-bare-quote`;
  const found = samples(await read(`${folder}/data.csv`, { images: `${folder}/images` }));
  assertEquals(found.map(({ phrase }) => phrase), ['left "small" effusion', "right effusion"]);
});

Deno.test("openDataset() reads CSV of a Spanish, German or French Excel, and lines that end in CR", async () => {
  const folder = `${CASES}csv-delimiters`;
  const expected = samples(await read(`${folder}/semicolon.csv`, { images: `${folder}/images` }));
  assertEquals(expected.map(({ phrase, boxes }) => [phrase, boxes]), [
    ["left effusion", [[1, 1, 3, 3]]],
  ]);
  const text = await Deno.readTextFile(`${folder}/semicolon.csv`);
  const forms = {
    "comma.csv": text.replaceAll(";", ","),
    "tab.tsv": text.replaceAll(";", "\t"),
    "cr-only.csv": text.replaceAll("\n", "\r"),
    "sep.csv": `sep=;\r\n${text.replaceAll("\n", "\r\n")}`,
  };
  await withFiles(forms, async (folder) => {
    for (const name of Object.keys(forms)) {
      const found = samples(await read(`${folder}/${name}`));
      assertEquals(found.map(({ image: _, ...sample }) => sample), [
        {
          id: "a.png#1",
          index: 0,
          phrase: "left effusion",
          boxes: [[1, 1, 3, 3]],
          category: "Edema",
        },
      ], name);
    }
  });
});

Deno.test("openDataset() reads UTF-16, and fails the rows alone whose bytes are not UTF-8", () =>
  withFiles({}, async (folder) => {
    const text = "image\tphrase\r\na.png\tépanchement\r\nb.png\tedema\r\n";
    const units = [...text].map((letter) => letter.charCodeAt(0));
    const little = units.flatMap((unit) => [unit & 255, unit >> 8]);
    const big = units.flatMap((unit) => [unit >> 8, unit & 255]);
    const forms = [[255, 254, ...little], [254, 255, ...big], little, big];
    for (const bytes of forms) {
      await Deno.writeFile(`${folder}/a.txt`, new Uint8Array(bytes));
      const found = samples(await read(`${folder}/a.txt`));
      assertEquals(found.map(({ phrase }) => phrase), ["épanchement", "edema"]);
    }
    // The bytes are Windows-1252.
    await Deno.writeFile(`${folder}/a.csv`, new Uint8Array(units));
    const items = await read(`${folder}/a.csv`);
    assertEquals(samples(items).map(({ phrase }) => phrase), ["edema"]);
    assertEquals(failures(items).map(({ id, image, reason }) => [id, image, reason]), [
      ["a.csv:2", "a.png", "the row holds bytes that are not UTF-8; save the file as UTF-8"],
    ]);
    await Deno.writeFile(`${folder}/b.csv`, new Uint8Array([0x50, 0x4b, 3, 4, 0xff, 0xfe]));
    await assertRejects(() => read(`${folder}/b.csv`), SyntaxError, "it is not text in UTF-8");
  }));

Deno.test("openDataset() reads the number formats of tables", () =>
  withFiles({
    "a.csv": `${COLUMNS},split\n` + [
      ["1.0,2e0, 3 ,+4", "100.0,2e2", "1"],
      ['"1,000",2,3,4', "100,200", "1.0"],
      ["1,2,3,4", '"100,0",200', "1"],
      ["1,2,3,4", "100,200", "2"],
    ].map(([box, size, split], i) => `d${i},Edema,p${i},${box},${size},files/1.jpg,${split}`)
      .join("\n"),
    "b.csv": "image;phrase;x;y;w;h\na.png;p;1,0;2;3;4\na.png;q;1,5;2;3;4\na.png;r;1.0;2;3;4\n",
  }, async (folder) => {
    const items = await read(`${folder}/a.csv`, { split: "1" });
    assertEquals(samples(items).map(({ boxes, imageSize }) => [boxes, imageSize]), [
      [[[1, 2, 3, 4]], { width: 100, height: 200 }],
    ]);
    assertEquals(failures(items).map(({ reason }) => reason), [
      'x of the box must be a number, got "1,000"',
      'the image size must be whole pixels, got "100,0 x 200"',
    ]);
    const semicolons = await read(`${folder}/b.csv`);
    assertEquals(samples(semicolons).map(({ phrase }) => phrase), ["r"]);
    assertEquals(failures(semicolons).map(({ reason }) => reason), [
      'x of the box must be a number, got "1,0"',
      'x of the box must be a number, got "1,5"',
    ]);
  }));

Deno.test("openDataset() counts a row that cannot be read in every split", () =>
  withFiles({
    "a.csv": "image,phrase,split\na.png,p,test\nb.png,q,val\nc.png,r\n",
    "b.json": JSON.stringify(["1", "2", "3"].map((ImageID) => ({
      ...{ ImageID, findings: [{ sentence_en: "p", boxes: [[0, 0, 1, 1]] }] },
    }))),
    "master_table.csv": "ImageID,split,x\n1,test,\n2,\n2,\n3,val,\n",
  }, async (folder) => {
    const reasons = async (name: string) =>
      failures(await read(`${folder}/${name}`, { split: "test" })).map(({ reason }) => reason);
    assertEquals(await reasons("a.csv"), ["the row has 2 fields, but the header has 3"]);
    assertEquals(await reasons("b.json"), [
      "its split cannot be read: the row has 2 fields, but the header has 3 (master_table.csv:3)",
    ]);
    assertEquals(samples(await read(`${folder}/b.json`)).length, 3);
  }));

Deno.test("openDataset() fails only the finding with NaN, and reads JSON lines", () =>
  withFiles({
    "a.json": `\ufeff{"images": [{"id": 1, "file_name": "a NaN.png", "width": 8, "height": 8}],
      "categories": [{"id": 1, "name": "Edema"}], "annotations": [
      {"image_id": 1, "category_id": 1, "bbox": [1, NaN, 2, 2], "label_text": "one"},
      {"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, -Infinity], "label_text": "two"},
      {"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "label_text": NaN},
      {"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "label_text": "NaN", "score": NaN},
      null]}`,
    "b.jsonl": [
      '{"ImageID": "a.png", "findings": [{"sentence_en": "p", "boxes": [[0, 0, NaN, 1]]}]}',
      '{"ImageID": "a.png", "findings": [{"sentence_en": "q", "boxes": [[0, 0, 1, 1]]}]}',
      '{"ImageID": "b.png", "findings": [{"sent',
    ].join("\n"),
  }, async (folder) => {
    const items = await read(`${folder}/a.json`);
    assertEquals(samples(items).map(({ phrase }) => phrase), ["NaN"]);
    assertEquals(failures(items).map(({ id, reason }) => [id, reason]), [
      ["a.json:annotations[0]", '"bbox" must be four numbers, got [1,"NaN",2,2]'],
      ["a.json:annotations[1]", 'h of the box must be a number, got "-Infinity"'],
      ["a.json:annotations[2]", '"label_text" must be text, got NaN'],
      ["a.json:annotations[4]", "it is not an object, got null"],
    ]);
    const lines = await read(`${folder}/b.jsonl`);
    assertEquals(samples(lines).map(({ phrase }) => phrase), ["q"]);
    assertEquals(failures(lines).map(({ id, reason }) => [id, reason]), [
      ["b.jsonl:[0].findings[0]", 'a box must be four numbers, got [0,0,"NaN",1]'],
      [
        "b.jsonl:[2]",
        'the study has no list "findings", got {"ImageID": "b.png", "findings": [{"sent',
      ],
    ]);
  }));

Deno.test("openDataset() finds masks beside the table, and images by name two folders deep", () =>
  withFiles({
    "a.csv": "image,phrase,mask\n1.png,haze,masks/1.png\n",
    "BBox_List_2017.csv":
      "Image Index,Finding Label,Bbox [x,y,w,h],,,\n1.png,Mass,1,2,3,4\n2.png,Mass,1,2,3,4\n",
  }, async (folder) => {
    await Deno.mkdir(`${folder}/masks`);
    await Deno.mkdir(`${folder}/files/images_001/images`, { recursive: true });
    for (const path of ["masks/1.png", "files/1.png", "files/images_001/images/2.png"]) {
      await Deno.writeTextFile(`${folder}/${path}`, "");
    }
    const images = `${folder}/files`;
    const [masked] = samples(await read(`${folder}/a.csv`, { images }));
    assertEquals(masked!.masks, [{ kind: "png", path: `${folder}/masks/1.png` }]);
    assertEquals(await pathsOutsideImages(`${folder}/a.csv`, images), [`${folder}/masks`]);
    assertEquals(await pathsOutsideImages(`${folder}/a.csv`), []);
    const boxed = samples(await read(folder, { images }));
    assertEquals(boxed.map(({ image }) => image.slice(images.length)), [
      "/1.png",
      "/images_001/images/2.png",
    ]);
  }));

Deno.test("openDataset() refuses a sample with a mask and a box", () =>
  withFiles({
    "a.csv": 'image,phrase,mask,x,y,w,h\n1.png,haze,"[1,1,5,1,5,5]",,,,\n1.png,haze,,1,1,2,2\n',
  }, async (folder) => {
    const [failure] = failures(await read(`${folder}/a.csv`));
    assertEquals(
      failure!.reason,
      "the sample has masks and boxes, expected only one of the two (a.csv:3, one of the 2 rows " +
        "of its sample)",
    );
  }));
