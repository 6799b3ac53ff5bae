import { assertAlmostEquals, assertEquals } from "@std/assert";
import { regionOf } from "../base/region.ts";
import {
  centerOf,
  heatmapProfile,
  mirrorPhrase,
  shareRightOf,
  sideOf,
  swapSide,
  truthProfile,
  withoutSide,
} from "./laterality.ts";

Deno.test("sideOf() finds the one side that a phrase names", () => {
  const phrases = [
    "The LEFT lung",
    "right-sided effusion",
    "both lungs",
    "left and right",
    "aright",
  ];
  assertEquals(phrases.map(sideOf), ["left", "right", undefined, undefined, undefined]);
  assertEquals(["The left  lung", "Right Lung"].map(withoutSide), ["the lung", "lung"]);
});

Deno.test("truthProfile() counts pixels of boxes and regions by column", () => {
  assertEquals([...truthProfile([[1, 0, 2, 3], [2, 5, 2, 1]], 5).masses], [0, 3, 4, 1, 0]);
  const region = regionOf([0, 1, 1, 0, 0, 1], { width: 3, height: 2 });
  const profile = truthProfile(region, 3);
  assertEquals([...profile.masses], [0, 1, 2]);
  assertAlmostEquals(centerOf(profile), (1.5 + 2 * 2.5) / 3);
});

Deno.test("shareRightOf() parts a heatmap's column on the line, in pixels of the image", () => {
  // Two columns of 10 pixels each, from column 30 of the image.
  const profile = heatmapProfile(Float32Array.of(1, 3, 2, 2), { x: 30, y: 0, side: 20 });
  assertEquals([...profile.masses], [3, 5]);
  assertEquals(shareRightOf(profile, 30), 1);
  assertAlmostEquals(shareRightOf(profile, 40), 5 / 8);
  assertAlmostEquals(shareRightOf(profile, 44), 3 / 8);
  assertEquals(shareRightOf(profile, 60), 0);
  assertAlmostEquals(centerOf(profile), 30 + 10 * (3 * 0.5 + 5 * 1.5) / 8);
});

Deno.test("swapSide() exchanges words and marks of one side", () => {
  const cases: [phrase: string, swapped: string | undefined][] = [
    ["left pleural effusion", "right pleural effusion"],
    ["Right-sided effusion in the RIGHT base", "Left-sided effusion in the LEFT base"],
    // "lt" in lower case is no mark.
    ["Leftward shift, lt. base", "Rightward shift, lt. base"],
    ["Opacity in the Lt lower lobe", "Opacity in the Rt lower lobe"],
    ["L basal opacity", "R basal opacity"],
    ["L-sided tube", "R-sided tube"],
    ["RUL nodule and RLL nodule", "LUL nodule and LLL nodule"],
    // No side, both sides, and a part of one side alone.
    ["pleural effusion", undefined],
    ["bright spot, upright film, leftover contrast", undefined],
    ["bilateral effusions, left larger", undefined],
    ["bibasilar atelectasis, right more than left", undefined],
    ["both lungs, right apex", undefined],
    ["left and right effusion", undefined],
    ["R > L opacities", undefined],
    ["L lung and right lung", undefined],
    ["RML opacity", undefined],
    // Other letters.
    ["R/O pneumonia", undefined],
    ["fracture at L1, L-spine and T12", undefined],
    ["vitamin r, l-shaped line", undefined],
    ["R/O left pneumonia", "R/O right pneumonia"],
  ];
  for (const [phrase, swapped] of cases) assertEquals(swapSide(phrase), swapped, phrase);
});

Deno.test("mirrorPhrase() exchanges both sides, and keeps phrases without a side", () => {
  assertEquals(mirrorPhrase("left base and right apex"), "right base and left apex");
  assertEquals(
    mirrorPhrase("bilateral effusions, left larger"),
    "bilateral effusions, right larger",
  );
  assertEquals(mirrorPhrase("enlarged heart"), "enlarged heart");
  assertEquals(mirrorPhrase("RML opacity"), undefined);
});
