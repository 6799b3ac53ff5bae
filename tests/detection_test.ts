import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { readCsv } from "../datasets/csv.ts";
import { writePhantomSet } from "../datasets/phantom/phantom_set.ts";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { inFolder, runCommand } from "./support/command.ts";
import { writeGray } from "./support/image.ts";

const QUICK = ["--steps", "4", "--noise", "sample", "--device", "cpu"];
const ASK = ["--classes", "Edema,Cardiomegaly", "--template", "Where is {label}?"];
const FILES = ["results.jsonl", "heatmaps.bin", "protocols.csv", "protocols.md", "table.csv"];

async function readJson(path: string) {
  return JSON.parse(await Deno.readTextFile(path));
}

async function run(folder: string, name: string, args: readonly string[], expected = 0) {
  const { code, stdout, stderr } = await runCommand(name, args, folder);
  assertEquals(code, expected, `${stdout}\n${stderr}`);
  return stdout + stderr;
}

async function assertSameFiles(folder: string, one: string, other: string) {
  for (const name of FILES) {
    assertEquals(
      await Deno.readFile(`${folder}/${one}/${name}`),
      await Deno.readFile(`${folder}/${other}/${name}`),
      `${name} of ${one} and ${other}`,
    );
  }
}

Deno.test("eval --classes asks every image for every class, in shards, resumed and rescored alike", () =>
  inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 1, images: 5 });
    const args = ["--dataset", "set", ...ASK, ...QUICK];
    await run(folder, "eval", [...args, "--out", "a", "--no-report"]);
    const { facts, plan } = await readJson(`${folder}/a/run.json`);
    assertEquals(plan.length, 10);
    assertEquals(facts.dataset.classes, ["Cardiomegaly", "Edema"].reverse());
    assertEquals(
      [facts.dataset.template, facts.protocols, facts.protocolVersions],
      ["Where is {label}?", ["detection"], { detection: 1 }],
    );
    const results = (await Deno.readTextFile(`${folder}/a/results.jsonl`)).trim().split("\n")
      .map((line) => JSON.parse(line));
    // The phantoms' own list of findings, third findings included.
    const { records } = readCsv("f", await Deno.readTextFile(`${folder}/set/phantom_findings.csv`));
    for (const { image, category, negative, phrase, protocols } of results) {
      const isPresent = records.some(({ get }) =>
        image.endsWith(get("path")!) && get("category_name") === category
      );
      assertEquals([negative, phrase], [isPresent ? undefined : true, `Where is ${category}?`]);
      assertEquals(protocols.detection[0].present, Number(isPresent));
    }
    assert(results.some(({ negative }) => negative) && results.some(({ negative }) => !negative));

    for (const shard of ["1/2", "2/2"]) {
      await run(folder, "eval", [...args, "--shard", shard, "--out", `s${shard[0]}`]);
    }
    await run(folder, "merge", ["s1", "s2", "--out", "m"]);
    await assertSameFiles(folder, "a", "m");

    // A killed run goes on after its last whole sample.
    await Deno.mkdir(`${folder}/k`);
    for (const name of ["run.json", "heatmaps.bin"]) {
      await Deno.copyFile(`${folder}/a/${name}`, `${folder}/k/${name}`);
    }
    const text = await Deno.readTextFile(`${folder}/a/results.jsonl`);
    await Deno.writeTextFile(`${folder}/k/results.jsonl`, text.split("\n").slice(0, 3).join("\n"));
    await run(folder, "eval", [...args, "--out", "k", "--no-report"]);
    await assertSameFiles(folder, "a", "k");
    assertMatch(
      await run(folder, "eval", [...args.with(3, "Edema"), "--out", "k"], 1),
      /differs in dataset\.classes/,
    );

    await run(folder, "rescore", ["a", "--protocol", "paper", "--out", "p"]);
    await run(folder, "rescore", ["p", "--protocol", "detection", "--out", "r"]);
    await assertSameFiles(folder, "a", "r");
    assertMatch(await run(folder, "validate", ["a"]), /no difference|nothing differs|0 diff/i);
    await run(folder, "report", ["a"]);
    assertStringIncludes(await Deno.readTextFile(`${folder}/a/report.html`), "AUROC %, mean");
    const caption = await Deno.readTextFile(`${folder}/a/protocols.md`);
    assertStringIncludes(
      caption,
      "The intervals of detection draw patients with all their classes",
    );
  }));

Deno.test("eval --classes: dashes with their reasons, box methods, and datasets without labels", () =>
  inFolder(async (folder) => {
    const xray = drawPhantom({ seed: 2, width: 64, height: 64 });
    for (const name of ["a", "b", "c"]) await writeGray(`${folder}/${name}.png`, xray);
    await Deno.writeTextFile(
      `${folder}/rows.csv`,
      "image,category,x,y,w,h\na.png,Mass,4,4,20,20\na.png,Node,,,,\na.png,Scar,1,1,5,5\n" +
        "b.png,Node,,,,\nb.png,Mass,0,0,2,9\nc.png,Node,,,,\n",
    );
    await Deno.writeTextFile(
      `${folder}/boxes.csv`,
      "image,phrase,x,y,w,h,score\na.png,Mass?,4,4,20,20,0.9\nb.png,Mass?,30,30,9,9,0.4\n" +
        "c.png,Mass?,1,1,9,9,0.2\nb.png,Scar?,3,3,9,9,0.6\n",
    );
    const args = ["--dataset", "rows.csv", "--method", "boxes", "--predictions", "boxes.csv"];
    const ask = [...args, "--classes", "all", "--template", "{label}?"];
    const printed = await run(folder, "eval", [...ask, "--out", "a"]);
    assertStringIncludes(printed, 'AUROC needs an image without "Node".');
    const { protocols: { detection } } = await readJson(`${folder}/a/summary.json`);
    const numbers = Object.fromEntries(
      detection.classes.map(({ category, count, present, means }: {
        category: string;
        count: number;
        present: number;
        means: Record<string, number | null>;
      }) => [category, [count, present, means.peakAuc, means.apAt50]]),
    );
    // The box of b is at the image's margin, and still counts as missed.
    assertEquals(numbers, {
      Mass: [3, 2, 1, numbers.Mass![3]],
      Node: [3, 3, null, null],
      Scar: [3, 1, 0.25, 0],
    });
    assertEquals(detection.units, { unit: "image", count: 3 });
    const caption = await Deno.readTextFile(`${folder}/a/protocols.md`);
    assertStringIncludes(caption, 'AUROC needs an image without "Node".');
    assertStringIncludes(caption, 'AP needs a box, and the dataset has none of "Node".');
    await run(folder, "rescore", ["a", "--protocol", "detection", "--out", "r"]);
    await assertSameFiles(folder, "a", "r");
    const refused = async (more: string[], code: number, pattern: RegExp) =>
      assertMatch(await run(folder, "eval", [...args, ...more, "--out", "x"], code), pattern);
    await refused(["--classes", "Mas"], 1, /class "Mas".*did you mean "Mass"\?/);
    await refused(["--classes", "all", "--template", "Where?"], 1, /expected \{label\} in it/);
    await refused(["--template", "{label}"], 2, /"--template" needs "--classes"/);
    await refused(["--classes", "all", "--phrases", "p.json"], 2, /exclude each other/);
    await Deno.writeTextFile(
      `${folder}/ms.csv`,
      "dicom_id,category_name,label_text,x,y,w,h,image_width,image_height,path\n" +
        "d,Edema,haze,1,1,4,4,64,64,a.png\n",
    );
    args[1] = "ms.csv";
    await refused(["--classes", "all"], 1, /MS-CXR does not say which classes an image lacks/);
  }));

Deno.test("ground --classes sorts maps, boxes and existence scores, as JSON, CSV and a sheet", () =>
  inFolder(async (folder) => {
    const common = ["--image", "phantom:3", ...QUICK, "--out", "out"];
    const asked = [...common, "--classes", "edema, Edema,Pleural effusion,Mass"];
    const stdout = await run(folder, "ground", asked);
    const { classes, template, versions } = await readJson(`${folder}/out/detections.json`);
    assertEquals(template, "The patient has {label}");
    assert(versions.groundray);
    const means = classes.map(({ existence }: { existence: { mean: number } }) => existence.mean);
    assertEquals(means, means.toSorted((a: number, b: number) => b - a));
    const names = classes.map((own: { class: string }) => own.class);
    assertEquals(names.toSorted(), ["Edema", "Mass", "Pleural Effusion"]);
    for (const { class: name, folder: own, boxes, confidence, box, threshold } of classes) {
      const result = await readJson(`${folder}/out/${own}/result.json`);
      assertEquals(result.phrase, `The patient has ${name}`);
      assertEquals([result.box, result.threshold], [box, threshold]);
      assertEquals(boxes.length, confidence.length);
      // The boxes of the components lie in the box of the whole mask, and touch its edges.
      assertEquals(Math.min(...boxes.map(([x]: number[]) => x!)), box[0]);
      await Deno.stat(`${folder}/out/${own}/overlay.png`);
      assertStringIncludes(stdout, `${name}: existence `);
    }
    const { records } = readCsv("d", await Deno.readTextFile(`${folder}/out/detections.csv`));
    assertEquals([...new Set(records.map(({ get }) => get("class")))], names);
    const sheet = await Deno.readFile(`${folder}/out/overview.png`);
    assertEquals([...sheet.subarray(1, 4)], [...new TextEncoder().encode("PNG")]);

    assertMatch(await run(folder, "ground", asked, 1), /already holds results/);
    // A report replaces the classes: none of their files is left.
    await Deno.writeTextFile(
      `${folder}/r.txt`,
      "FINDINGS: No pneumothorax. Small left\neffusion <b>, 1.2 cm.\nIMPRESSION: Cannot exclude edema.",
    );
    const report = [...common, "--report", "r.txt", "--overwrite"];
    assertStringIncludes(await run(folder, "ground", report), "(says that nothing is there)");
    const left = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort();
    assertEquals(left.filter((name) => !/^\d/.test(name)), ["report.html", "report.json"]);
    assertEquals(left.length, 5);
    const { sentences, report: file } = await readJson(`${folder}/out/report.json`);
    const text = await Deno.readTextFile(`${folder}/r.txt`);
    assertEquals(file, "r.txt");
    const shown = sentences.map(({ sentence, start, end, heading, negated, existence, boxes }: {
      sentence: string;
      start: number;
      end: number;
      heading: string;
      negated: boolean;
      existence: { mean: number };
      boxes: unknown[];
    }) => {
      assertEquals(text.slice(start, end).replace("\n", " "), sentence);
      assert(existence.mean > 0 && boxes.length > 0);
      return [heading, negated];
    });
    assertEquals(shown, [["FINDINGS", true], ["FINDINGS", false], ["IMPRESSION", false]]);
    const html = await Deno.readTextFile(`${folder}/out/report.html`);
    assertEquals(html.match(/<input type="radio"/g)!.length, 4);
    assertEquals(html.match(/src="data:image\/jpeg;base64,/g)!.length, 4);
    assertStringIncludes(html, "Small left effusion &lt;b&gt;, 1.2 cm.");
    assertEquals(/<script|https?:/.test(html), false);

    await Deno.writeTextFile(`${folder}/none.txt`, "___\n");
    await Deno.writeFile(`${folder}/bad.txt`, Uint8Array.of(0x41, 0xff, 0xfe, 0x42));
    const cases: [string[], number, RegExp][] = [
      [["--classes", "Edma"], 2, /class "Edma".*did you mean "Edema"\?/],
      [["--classes", "all", "--template", "Where?"], 2, /expected \{label\} in it/],
      [["--classes", "all", "--phrase", "x"], 2, /exclude each other/],
      [["--phrase", "x", "--template", "{label}"], 2, /"--template" needs "--classes"/],
      [["--report", "none.txt"], 1, /"none\.txt": expected a sentence in it, found none/],
      [["--report", "bad.txt"], 1, /"bad\.txt": it is not text in UTF-8/],
      [["--report", "no.txt"], 1, /Cannot read report "no\.txt": /],
    ];
    for (const [args, code, pattern] of cases) {
      assertMatch(await run(folder, "ground", ["--image", "phantom", ...args], code), pattern);
    }
  }));

Deno.test("ground --classes takes the boxes of a box method, and names a class that fails", () =>
  inFolder(async (folder) => {
    const root = new URL("../", import.meta.url);
    await Deno.writeTextFile(
      `${folder}/own.ts`,
      `import { boxMethod, InputError } from "${root}mod.ts";
      const answer = (phrase) => {
        if (phrase === "Mass") throw new InputError("no word for it");
        return phrase === "Edema"
          ? { boxes: [[1, 2, 30, 40], [5, 5, 9, 9]], confidence: [0.75, 0.25] }
          : { boxes: [] };
      };
      const ground = async (_, phrases) => await Promise.resolve(phrases.map(answer));
      const open = () => Promise.resolve(boxMethod({ ground }));
      const choose = () => Promise.resolve({ facts: {}, source: {}, open });
      export default { label: "Own", gives: "boxes", source: undefined, flags: {}, choose };`,
    );
    const args = [
      "--image",
      "phantom",
      "--classes",
      "Pneumonia,Mass,Edema",
      "--template",
      "{label}",
    ];
    await run(folder, "ground", [...args, "--method", "./own.ts", "--out", "out"], 3);
    const { classes } = await readJson(`${folder}/out/detections.json`);
    assertEquals(
      classes.map((own: { class: string; existence?: object; boxes?: object; error?: string }) => [
        ...[own.class, own.existence, own.boxes, own.error],
      ]),
      [
        ["Edema", { mean: 0.5, peak: 0.75 }, [[1, 2, 30, 40], [5, 5, 9, 9]], undefined],
        ["Pneumonia", { mean: 0, peak: 0 }, [], undefined],
        ["Mass", undefined, undefined, classes[2].error],
      ],
    );
    assertMatch(classes[2].error, /no word for it/);
    const csv = await Deno.readTextFile(`${folder}/out/detections.csv`);
    assertEquals(csv.trim().split(/\r?\n/).length, 5);
  }));
