import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { inFolder } from "../../tests/support/command.ts";
import { UsageError } from "../kit/flags.ts";
import { readStudy } from "./config.ts";
import { EVAL_COMMAND } from "./eval_flags.ts";

let count = 0;

/** Arguments that a file adds, with `@` for the file's folder. */
async function added(content: string | Uint8Array, ...args: string[]): Promise<string[]> {
  let found: string[] = [];
  await inFolder(async (folder) => {
    const path = `${folder}/study${count++}.yaml`;
    await Deno.writeFile(path, new TextEncoder().encode(""));
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
    await Deno.mkdir(`${folder}/ldm`);
    const given = ["--config", path, ...args];
    const study = await readStudy(given, EVAL_COMMAND.flags);
    assertEquals(study.sha256, createHash("sha256").update(content).digest("hex"));
    assertEquals(study.args.slice(0, given.length), given);
    found = study.args.slice(given.length).map((arg) => arg.replaceAll(folder, "@"));
  }).catch((error) => {
    error.message = error.message.replace(/"[^"]*study\d+\.yaml"/, '"study.yaml"');
    throw error;
  });
  return found;
}

Deno.test("readStudy() writes options of a file as arguments, each plain value as it stands", async () => {
  assertEquals(
    await added(`# a study
steps: 050
sigma: 1.50
method: [ldm, biovil]
protocol:
  - aep
  - "union,rec"
otsu: false
no-report: true
ablate: true
retry-failed: false
"split": test
`),
    [
      ...["--steps=050", "--sigma=1.50", "--method=ldm,biovil", "--protocol=aep"],
      ...["--protocol=union,rec", "--no-otsu", "--no-report", "--ablate", "--split=test"],
    ],
  );
  assertEquals(await added("{steps: 5, limit: 2}"), ["--steps=5", "--limit=2"]);
  assertEquals(await added("\ufeffsteps: 5\r\nlimit: 2\r\n"), ["--steps=5", "--limit=2"]);
});

Deno.test("readStudy() lets the command line win, lists as a whole", async () => {
  const text = "steps: 5\nprotocol: [aep]\notsu: false\nlimit: 3\n";
  assertEquals(await added(text, "--steps", "7", "--protocol=rec"), ["--no-otsu", "--limit=3"]);
  assertEquals(await added(text, "--no-otsu", "--limit=1"), ["--steps=5", "--protocol=aep"]);
});

Deno.test("readStudy() takes paths from the folder of the file, and leaves names", async () => {
  assertEquals(
    await added(`dataset: set/rows.csv
images: /data/images
out: ../out
predictions: maps
phrases: words.json
method: ldm, my/own.ts
model: [weights, biovil=biovil-t, biovil-t=models/t]
`),
    [
      ...["--dataset=@/set/rows.csv", "--images=/data/images", "--out=@/../out"],
      ...["--predictions=@/maps", "--phrases=@/words.json", "--method=ldm,@/my/own.ts"],
      ...["--model=@/weights", "--model=biovil=biovil-t", "--model=biovil-t=@/models/t"],
    ],
  );
  // A folder beside the file comes before a name, as it does for the command line.
  assertEquals(await added("model: ldm\ndataset: covid-segmentations\n"), [
    "--model=@/ldm",
    "--dataset=covid-segmentations",
  ]);
  assertEquals(await readStudy(["--steps", "5"], EVAL_COMMAND.flags), { args: ["--steps", "5"] });
});

Deno.test("readStudy() names a fault in a sentence with its line", async () => {
  const bomb = "a: &a [x,x]\nb: &b [*a,*a]\nsteps: *b\n";
  for (
    const [content, message] of [
      ["steps: 5\nstepz: 6\n", ', line 2: unknown option "stepz": did you mean "steps"?'],
      ["steps: fast\n", ', line 1: "steps" must be a whole number from 1, got "fast"'],
      ["\nlimit: 0\n", ', line 2: "limit" must be a whole number from 1, got "0"'],
      ["steps:\n", ', line 1: "steps" must be one value, got nothing'],
      ["steps: [5, 6]\n", ', line 1: "steps" must be one value, got a list'],
      [
        "method: []\n",
        ', line 1: "method" is empty',
      ],
      ["split: ''\n", ', line 1: "split" is empty'],
      [
        "protocol: [[aep]]\n",
        ', line 1: "protocol" must be a value, or a list of values, got a list',
      ],
      ["otsu: no\n", ', line 1: "otsu" must be true or false, got "no"'],
      ["out:\n  dir: x\n", ', line 1: "out" must be one value, got a mapping'],
      ["margin: none\n", ', line 1: "margin" must be one of excluded, zero, got "none"'],
      ["otsu: true\nno-otsu: true\n", ', line 2: "no-otsu" and "otsu" are both there'],
      ["steps: 5\nlimit: 1\nsteps: 6\n", ", line 3: the option is there twice"],
      ["config: other.yaml\n", ", line 1: a study cannot name another file"],
      ["protocol:\n\t- aep\n", ", line 2: it begins with a tab; YAML indents by spaces"],
      [bomb, ", line 1: a study has no anchors and aliases; quote a text with & or *"],
      [
        "steps: 5\nlimit: *x\n",
        ", line 2: a study has no anchors and aliases; quote a text with & or *",
      ],
      ["steps: 5\n limit: 2\n", /, line 2: it is not valid YAML \(.+\)$/],
      ["steps: [5\n", /, line 2: it is not valid YAML \(.+\)$/],
      ["steps: !!js/function x\n", /, line 1: it is not valid YAML \(.+\)$/],
      ["steps: 5\n---\nsteps: 6\n", /, line 2: it is not valid YAML \(.+\)$/],
      [
        "steps: " + "[".repeat(60_000),
        /, line 1: (?:it is nested too deeply|it is not valid YAML.*)$/,
      ],
      ["", ", line 1: expected options with their values, such as steps: 50"],
      ["- steps\n", ", line 1: expected options with their values, such as steps: 50"],
      [Uint8Array.of(97, 58, 32, 49, 10, 0xff, 10), ", line 2: it is not text in UTF-8"],
      ["#".repeat(70_000), ": it has 70000 bytes, expected at most 65536"],
      ["__proto__: 1\n", /, line 1: unknown option "__proto__"/],
    ] as const
  ) {
    const error = await assertRejects(() => added(content), UsageError);
    if (typeof message === "string") {
      assertEquals(error.message, `Cannot read "study.yaml"${message}`);
    } else assertMatch(error.message, message);
  }
  for (const [path, reason] of [["none.yaml", "there is no such file"], ["/", "it is no file"]]) {
    const error = await assertRejects(() => readStudy([`--config=${path}`], EVAL_COMMAND.flags));
    assertEquals((error as Error).message, `Cannot read "${path}": ${reason}`);
  }
});
