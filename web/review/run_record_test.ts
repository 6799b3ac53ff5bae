import { assertEquals } from "@std/assert";
import { recordOfRun } from "./run_record.ts";

const versions = { groundray: "1.2.3" };
const settings = { steps: 300, start: 120, end: 180, layers: [3, 4], sigma: 2.5 };
const [model, run] = [{ sha256: "ab" }, "out/run"];

Deno.test("recordOfRun() takes the settings of the run, or of one of its variants", () => {
  const facts = { settings: { ...settings, otsu: true }, model, versions, margin: "excluded" };
  const whole = recordOfRun({ title: run, facts });
  assertEquals(whole, { settings: facts.settings, model, versions, run });
  const variants = [
    { name: "all", layers: [3, 4], start: 0, end: 334, otsu: false },
    { name: "mid", layers: [4], start: 120, end: 180, otsu: true },
  ];
  const several = { ...facts, settings: { ...settings, variants } };
  assertEquals(recordOfRun({ title: run, facts: several }, "mid").settings, {
    ...settings,
    layers: [4],
    otsu: true,
  });
});

Deno.test("recordOfRun() names the method of a heatmap, where it is a baseline's", () => {
  const view = { resized: 512, crop: 480 };
  const methods = { ldm: { settings, model }, biovil: { view, model: { sha256: "cd" } } };
  const facts = { method: "ldm,biovil", methods, versions };
  const expected = { method: "biovil", view, model: { sha256: "cd" }, versions, run };
  assertEquals(recordOfRun({ title: run, facts }, "biovil"), expected);
  assertEquals(recordOfRun({ title: run, facts }, "ldm"), { settings, model, versions, run });
  const alone = { ...facts, method: "biovil", methods: { biovil: methods.biovil } };
  assertEquals(recordOfRun({ title: run, facts: alone }), expected);
});
