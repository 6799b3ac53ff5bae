import { assertAlmostEquals, assertEquals } from "@std/assert";
import { regionOf } from "../base/region.ts";
import {
  centerOf,
  heatmapProfile,
  shareRightOf,
  sideOf,
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
