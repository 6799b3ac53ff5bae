import { assertEquals, assertNotEquals } from "@std/assert";
import { makeControls, siblingFor, withControls } from "./controls.ts";
import { CLASSES, type DatasetItem, type Question, type Sample } from "../sample.ts";

const ALL: readonly Question[] = ["other-class", "other-side", "mirrored", "empty"];

/** Samples `a`, `b`, … of images, phrases and classes. */
function samplesOf(
  ...rows: readonly (readonly [image: string, phrase: string, category?: string])[]
): Sample[] {
  return rows.map(([image, phrase, category], index) => ({
    ...{
      id: String.fromCharCode(97 + index),
      index,
      image,
      phrase,
      boxes: [[1, 2, 3, 4]] as const,
    },
    ...(category && { category }),
  }));
}

const idsOf = (samples: readonly Sample[] | undefined) => samples?.map(({ id }) => id);

Deno.test("makeControls() asks only for phrases that the image does not have", () => {
  const samples = samplesOf(
    ["1", "left effusion", "Effusion"],
    ["1", "right effusion", "Effusion"],
    ["1", "Enlarged heart", "Heart"],
    ["2", "small left effusion", "Effusion"],
  );
  const controls = makeControls(samples, samples, ["other-class", "other-side", "mirrored"]);
  // The image has another class and both sides; its mirror asks with the other side's words.
  assertEquals(idsOf(controls.get("1")), ["a#mirrored", "b#mirrored", "c#mirrored"]);
  assertEquals(
    controls.get("1")!.map(({ phrase, control }) => [phrase, control]),
    [["right effusion", "mirrored"], ["left effusion", "mirrored"], ["Enlarged heart", "mirrored"]],
  );
  // An image with one phrase asks the dataset's phrase of the only other class.
  assertEquals(
    controls.get("2")!.map(({ id, index, phrase, category }) => [id, index, phrase, category]),
    [
      ["d#other-class", 12, "Enlarged heart", "Heart"],
      ["d#other-side", 13, "small right effusion", "Effusion"],
      ["d#mirrored", 14, "small right effusion", "Effusion"],
    ],
  );
});

Deno.test("makeControls() asks a paper's class if the dataset has only one", () => {
  const samples = samplesOf(["1", "edema", "Edema"], ["2", "some edema", "Edema"]);
  const asked = [...makeControls(samples, samples, ["other-class"]).values()].flat();
  assertEquals(asked.length, 2);
  for (const { phrase, category } of asked) {
    assertNotEquals(category, "Edema");
    assertEquals(phrase, CLASSES.find((name) => name === category)!.toLowerCase());
  }
});

Deno.test("makeControls() asks nothing without class, side or truth", () => {
  const samples = samplesOf(["1", "left and right effusion"], ["2", "RML opacity", "Opacity"]);
  const other = { ...samples[0]!, id: "c", boxes: [] };
  const negative = { ...other, id: "d", isNegative: true };
  const controls = makeControls([...samples, other, negative], samples, ALL);
  assertEquals(idsOf(controls.get("1")), ["a#empty", "d#empty", "a#mirrored"]);
  assertEquals(controls.get("1")!.at(-1)!.phrase, "right and left effusion");
  // There is no left middle lobe.
  assertEquals(idsOf(controls.get("2")), ["b#other-class", "b#empty"]);
});

Deno.test("makeControls() of a part asks as the whole does", () => {
  const samples = samplesOf(
    ...Array.from(
      { length: 24 },
      (_, i) => [`${i % 7}${i}`, `phrase ${i}`, `class ${i % 5}`] as const,
    ),
  );
  const whole = makeControls(samples, samples, ALL);
  for (const sample of samples) {
    const part = makeControls([sample], samples, ALL);
    assertEquals(part.get(sample.image), whole.get(sample.image));
  }
  // Classes are chosen alike: none takes most of the questions.
  const asked = [...whole.values()].flat().filter(({ control }) => control === "other-class");
  const counts = Map.groupBy(asked, ({ category }) => category);
  assertEquals([asked.length, counts.size], [24, 5]);
});

Deno.test("siblingFor() chooses among other classes, whatever the order of the samples", () => {
  const [own, ...others] = samplesOf(
    ["1", "edema", "Edema"],
    ["1", "effusion", "Effusion"],
    ["1", "mass", "Mass"],
    ["1", "Edema", "Congestion"],
    ["1", "more edema", "Edema"],
  ) as [Sample, ...Sample[]];
  const chosen = siblingFor(own, "other-class", others);
  assertEquals(siblingFor(own, "other-class", others.toReversed()), chosen);
  assertEquals(["Effusion", "Mass"].includes(chosen!.category!), true);
  assertEquals(siblingFor(own, "mirrored", others), undefined);
});

Deno.test("withControls() puts the questions after the samples of their image", async () => {
  const samples = samplesOf(["1", "edema", "Edema"], ["1", "mass", "Mass"], ["2", "mass", "Mass"]);
  const failure: DatasetItem = { kind: "failure", failure: { id: "row", reason: "bad" } };
  async function* items(): AsyncIterableIterator<DatasetItem> {
    yield failure;
    for (const sample of samples) yield await Promise.resolve({ kind: "sample", sample });
    yield failure;
  }
  const controls = makeControls(samples, samples, ["mirrored"]);
  const found = await Array.fromAsync(withControls(items(), controls));
  assertEquals(
    found.map((item) => item.kind === "sample" ? item.sample.id : "row"),
    ["row", "a", "b", "a#mirrored", "b#mirrored", "c", "row", "c#mirrored"],
  );
});
