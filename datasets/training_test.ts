import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../base/options.ts";
import { CATALOG } from "../hub/catalog.ts";
import { countSeen, describeTraining, isTraining, parseTraining } from "./training.ts";

/** Part of single samples of a dataset, by split: `s` seen, `u` unknown, `-` apart. */
function parts(training: string | undefined, dataset: string, ...splits: string[]): string {
  const stated = training === undefined ? undefined : parseTraining(training, "It");
  return splits.map((split) => {
    const { seen, unknown, total } = countSeen(stated, dataset, new Map([[split, 1]]));
    assertEquals(total, 1);
    return seen ? "s" : unknown ? "u" : "-";
  }).join("");
}

Deno.test("countSeen() marks the samples whose split was in the training", () => {
  assertEquals(parts("ms-cxr:train+val", "ms-cxr", "train", "VAL", "test", ""), "ss-u");
  assertEquals(parts("ms-cxr:*", "ms-cxr", "train", "test", ""), "sss");
  assertEquals(parts("padchest-gr:train", "padchest-gr", "train", "test+train", "test"), "ss-");
  assertEquals(parts("csv:a", "csv", "a", "b", ""), "s-u");
});

Deno.test("countSeen() takes the dataset that images come from, whose splits may be others", () => {
  assertEquals(parts("mimic-cxr:train", "ms-cxr", "train", "test", ""), "suu");
  assertEquals(parts("mimic-cxr:*", "ms-cxr", "test", ""), "ss");
  assertEquals(parts("ms-cxr:train,mimic-cxr:train", "ms-cxr", "train", "test"), "su");
  // Both take their images from NIH ChestX-ray14.
  assertEquals(parts("rsna-pneumonia:train", "chestx-det", "train", "test"), "uu");
  assertEquals(parts("chestx-det:train", "nih-chestxray14", "train", ""), "uu");
});

Deno.test("countSeen() says unknown wherever the statement leaves anything open", () => {
  assertEquals(parts(undefined, "ms-cxr", "train", "test", ""), "uuu");
  assertEquals(parts("ms-cxr", "ms-cxr", "train", "test"), "uu");
  assertEquals(parts("ms-cxr:train,*", "ms-cxr", "train", "test"), "su");
  // A name of no known dataset may stand for any.
  assertEquals(parts("mimic:train", "ms-cxr", "train", "test"), "uu");
  assertEquals(parts("laion", "csv", "test"), "u");
  assertEquals(parts("vindr-cxr:train", "covid-segmentations", ""), "u");
});

Deno.test("countSeen() says apart only for a training without the dataset's images", () => {
  assertEquals(parts("laion,refcoco", "ms-cxr", "train", ""), "--");
  assertEquals(parts("phantoms", "ms-cxr", "test"), "-");
  assertEquals(parts("mimic-cxr:train", "vindr-cxr", "train"), "-");
});

Deno.test("parseTraining() reads what describeTraining() writes, and refuses other texts", () => {
  const sets = parseTraining(" MIMIC-CXR:train+validate, vindr-cxr:*,* ", "It");
  assertEquals(sets, [
    { dataset: "mimic-cxr", splits: ["train", "validate"] },
    { dataset: "vindr-cxr", splits: ["*"] },
    { dataset: "*" },
  ]);
  assertEquals(parseTraining(describeTraining(sets), "It"), sets);
  for (const text of ["", "a,,b", "a:", ":train", "a b", "*:train", "a:b:c"]) {
    assertThrows(() => parseTraining(text, "It"), UsageError, "It must be datasets with splits");
  }
  assertEquals([sets, [], [{}], [{ dataset: "a", splits: [1] }], "a"].map(isTraining), [
    true,
    ...[false, false, false, false],
  ]);
});

Deno.test("the catalog states the training of every model", () => {
  assertEquals(
    CATALOG.map(({ name, trained }) => `${name} ${parts(trained, "ms-cxr", "train", "test", "")}`),
    [
      ...["ldm suu", "biovil suu", "biovil-t suu", "medrpg uuu", "omnifm-dr uuu"],
      ...["generate-to-ground uuu", "radedit uuu", "sd15 ---"],
    ],
  );
});
