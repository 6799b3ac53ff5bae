import { assert, assertEquals, assertThrows } from "@std/assert";
import { command, helpText, parseFlags, UsageError } from "./flags.ts";
import { parseLayers, parseSelect } from "../../methods/ldm/parsers.ts";
import { parseShard } from "./parsers.ts";

const COMMAND = command({
  usage: "test",
  description: "A command.",
  flags: {
    image: { type: "string", required: true, description: "An image.", placeholder: "FILE" },
    phrase: { type: "list", description: "Phrases." },
    steps: { type: "integer", min: 1, max: 1000, default: 300, description: "Steps." },
    sigma: { type: "number", min: 0, default: 2.5, description: "Sigma." },
    otsu: { type: "boolean", default: true, description: "No mask." },
    runtime: {
      type: "string",
      choices: ["auto", "wasm"],
      default: "auto",
      description: "Runtime.",
    },
  },
});

const parse = (...args: string[]) => parseFlags(args, COMMAND);
const needed = ["--image", "a.png"];

Deno.test("parseFlags() gives values and defaults", () => {
  assertEquals(parse(...needed), {
    image: "a.png",
    phrase: [],
    steps: 300,
    sigma: 2.5,
    otsu: true,
    runtime: "auto",
    operands: [],
  });
  assertEquals(
    parse("--image=b", "--phrase", "x, y", "--phrase=-z", "--steps=7", "--no-otsu", "--sigma", "0"),
    {
      image: "b",
      phrase: ["x, y", "-z"],
      steps: 7,
      sigma: 0,
      otsu: false,
      runtime: "auto",
      operands: [],
    },
  );
  assertEquals(parse(...needed, "--phrase", "")?.phrase, [""]);
  assertEquals(parse("--help"), undefined);
});

Deno.test("parseFlags() names each fault in one sentence", () => {
  const cases: [string[], string][] = [
    [[], 'Option "--image" is needed'],
    [["--imag", "x"], 'Unknown option "--imag": did you mean "--image"?'],
    [["--phrases", "x"], 'did you mean "--phrase"?'],
    [["--quality=9"], 'Unknown option "--quality": --help lists the options'],
    [
      [...needed, "--steps", "x"],
      'Option "--steps" must be a whole number from 1 to 1000, got "x"',
    ],
    [[...needed, "--steps", "1.5"], "whole number"],
    [[...needed, "--steps", "1001"], "from 1 to 1000"],
    [[...needed, "--sigma", "-1"], 'must be a number from 0, got "-1"'],
    [[...needed, "--sigma", ""], "must be a number"],
    [[...needed, "--runtime", "cuda"], "must be one of auto, wasm"],
    [[...needed, "--phrase"], 'Option "--phrase" needs a value'],
    [["--image", "--phrase", "x"], 'Option "--image" needs a value: FILE'],
    [[...needed, ...needed], 'Option "--image" was given 2 times'],
    [[...needed, "extra"], 'Unexpected argument "extra"'],
    [["--image", ""], 'Option "--image" is empty'],
    [[...needed, "--", "--steps", "7"], 'Unexpected argument "--steps'],
    [[...needed, "--no-otsu=false"], 'Option "--no-otsu" takes no value, got "--no-otsu=false"'],
    [[...needed, "--otsu=no"], 'Option "--otsu" takes no value'],
    [[...needed, "--constructor"], 'Unknown option "--constructor"'],
  ];
  for (const [args, message] of cases) {
    assertThrows(() => parse(...args), UsageError, message);
  }
});

Deno.test("helpText() names every option with its default", () => {
  const text = helpText(COMMAND);
  for (
    const part of ["--image FILE", "--no-otsu", "Default: 300.", "One of auto, wasm.", "--help"]
  ) {
    assert(text.includes(part), part);
  }
});

Deno.test("parseSelect() takes indices and shares", () => {
  assertEquals(parseSelect("120..180"), { kind: "indices", start: 120, end: 180 });
  assertEquals(parseSelect("40%..62.5%"), { kind: "share", start: 0.4, end: 0.625 });
  for (const text of ["", "5", "5..5", "9..3", "10%..20", "50%..101%", "-1..4", "a..b"]) {
    assertThrows(() => parseSelect(text), UsageError, "--select");
  }
});

Deno.test("parseLayers() takes numbers, ranges and all", () => {
  assertEquals(parseLayers("7, 3,4,4"), [3, 4, 7]);
  assertEquals(parseLayers("0,3-5"), [0, 3, 4, 5]);
  assertEquals(parseLayers("all"), "all");
  for (const text of ["", "x", "3,", "5-3", "-1", "1.5"]) {
    assertThrows(() => parseLayers(text), UsageError, "--layers");
  }
});

Deno.test("parseFlags() gives operands where a command takes them", () => {
  const takes = command({ ...COMMAND, operand: "OUT", isRepeated: true });
  assertEquals(parseFlags([...needed, "a", "1", "--otsu", "b"], takes)?.operands, ["a", "1", "b"]);
  const takesOne = command({ ...COMMAND, operand: "OUT" });
  assertEquals(parseFlags([...needed, "a"], takesOne)?.operands, ["a"]);
  assertThrows(
    () => parseFlags([...needed, "a", "b"], takesOne),
    UsageError,
    'Expected one OUT, got "b" too',
  );
  assertThrows(() => parseFlags(needed, takes), UsageError, "At least one OUT is needed");
  assertThrows(() => parse(...needed, "a"), UsageError, 'Unexpected argument "a"');
});

Deno.test("parseShard() reads numbers, Slurm's and Kubernetes' variables", () => {
  const shard = (text: string, env: Record<string, string> = {}) =>
    parseShard(text, (name) => env[name]);
  assertEquals(shard("3/8"), { number: 3, count: 8 });
  const slurm = {
    ...{ SLURM_ARRAY_TASK_ID: "6", SLURM_ARRAY_TASK_COUNT: "4" },
    ...{ SLURM_ARRAY_TASK_MIN: "2", SLURM_ARRAY_TASK_STEP: "2" },
  };
  assertEquals(shard("auto", slurm), { number: 3, count: 4 });
  // A task that is run again alone has an array of one task.
  assertEquals(shard("auto/8", { ...slurm, SLURM_ARRAY_TASK_COUNT: "1" }), { number: 6, count: 8 });
  assertEquals(shard("auto/8", { JOB_COMPLETION_INDEX: "0" }), { number: 1, count: 8 });
  const cases: [string, Record<string, string>, string][] = [
    ["0/8", {}, "there is no shard 0 of 8"],
    ["9/8", {}, "there is no shard 9 of 8"],
    ["1/0", {}, "there is no shard 1 of 0"],
    ["1", {}, "must be I/N"],
    ["-1/8", {}, "must be I/N"],
    ["auto", {}, "needs the variable SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX"],
    ["auto", { JOB_COMPLETION_INDEX: "1" }, "needs the number of shards here"],
    ["auto", { SLURM_ARRAY_TASK_ID: "1" }, "needs the variable SLURM_ARRAY_TASK_COUNT"],
    ["auto/2", { JOB_COMPLETION_INDEX: "x" }, 'must be a whole number, got "x"'],
  ];
  for (const [text, env, message] of cases) {
    assertThrows(() => shard(text, env), UsageError, message);
  }
});
