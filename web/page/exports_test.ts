import { assertEquals } from "@std/assert";
import { nameOf } from "../../base/paths.ts";
import { boxesCsv, fileStem, resultOf } from "./exports.ts";
import type { Finished, Shown } from "../viewer/shown.ts";

const shown: Shown = {
  title: "layer 10, steps 15 to 19",
  phrase: "left effusion",
  image: "xray.png",
  facts: "",
  gray: { data: new Uint8Array(1), width: 1, height: 1 },
  original: { width: 200, height: 260 },
  crop: { x: 0, y: 30, side: 200 },
  size: 128,
  isGrid: false,
  boxes: [],
  settings: {
    ...{ steps: 50, timesteps: 50, start: 15, end: 20, layers: [10] },
    ...{ tokens: "phrase", noise: "inversion", seed: 0, weights: "float32" },
  },
  notes: ["The model knows phantoms only."],
};
const finished: Finished = {
  ...{ heatmap: new Float32Array(128 * 128), normalised: new Float32Array(128 * 128) },
  ...{ size: 128, sigma: 2.5 },
  ...{ threshold: 0.4, isOtsu: true, originalBox: [1, 2, 3, 4] },
};
const record = {
  model: { path: "demo", sha256: "ab" },
  versions: { groundray: "1.2.3", runtime: "onnxruntime-web 1.30.0 (wasm)" },
};

Deno.test("resultOf() gives result.json the keys that deno task ground gives it", () => {
  const result = resultOf(shown, finished, record);
  // tests/ground_command_test.ts has the same list.
  assertEquals(Object.keys(result), [
    ...["phrase", "width", "height", "threshold", "box", "crop", "heatmapSize"],
    ...["notes", "image", "settings", "model", "versions"],
  ]);
  assertEquals(Object.keys(result.settings!).sort(), [
    ...["end", "layers", "noise", "otsu", "seed", "select", "sigma", "start", "steps"],
    ...["timesteps", "tokens", "weights"],
  ]);
  assertEquals(result.settings!.select, [15, 20]);
  assertEquals([result.phrase, result.image], ["left effusion", "xray.png"]);
  assertEquals([result.threshold, result.settings!.otsu], [0.4, true]);
  const gray = { ...shown.gray, grayLevels: "no window: values 0 to 37 spread" };
  assertEquals(resultOf({ ...shown, gray }, finished, record).grayLevels, gray.grayLevels);
  const whole = { ...finished, threshold: undefined, isOtsu: false, originalBox: undefined };
  const baseline = resultOf({ ...shown, isGrid: true, notes: [] }, whole, { method: "biovil" });
  assertEquals([baseline.threshold, baseline.box, baseline.notes], [null, null, undefined]);
  assertEquals([baseline.method, baseline.settings], ["biovil", undefined]);
});

Deno.test("exported files are named for their X-ray, without its folders", () => {
  assertEquals(nameOf("mimic/p10\\a b.dcm"), "a b.dcm");
  assertEquals(
    fileStem("out/IMG_0012.dcm", "Left “pleural” effusion"),
    "IMG-0012--left-pleural-effusion",
  );
  assertEquals(fileStem("снимок 1.PNG"), "снимок-1");
  assertEquals(fileStem("胸部.png", "胸腔积液"), "胸部--胸腔积液");
  assertEquals(fileStem("../\u202E<>:.png", "a"), "xray--a");
  assertEquals(fileStem(`${"x".repeat(300)}.png`, "y".repeat(4000)).length, 40 + 2 + 80);
  const lines = boxesCsv([[shown, finished], [{ ...shown, image: "b, c.png" }, finished]], "demo");
  const made =
    '"model demo, 50 steps, steps 15 to 19 read, layers 10, noise by inversion, sigma 2.5, ' +
    'threshold 0.400 (Otsu)",Research only. Not for clinical use.';
  assertEquals(lines.trim().split("\r\n").slice(1), [
    `xray.png,left effusion,1,2,3,4,${made}`,
    `"b, c.png",left effusion,1,2,3,4,${made}`,
  ]);
});
