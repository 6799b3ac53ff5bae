import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { inFolder } from "../tests/support/command.ts";
import {
  brokenBody,
  COMMIT,
  digest,
  FakeHub,
  noise,
  type SeenRequest,
  sendRange,
} from "../tests/support/hub.ts";
import type { CatalogFile, CatalogModel } from "./catalog.ts";
import { fetchModel, type FetchModelOptions } from "./fetch_model.ts";
import { modelState, readRecord } from "./record.ts";

const REPOSITORY = "lab/model";
const WEIGHTS = noise(300_000);
const CONFIG = '{"layers": 2}';

function model(...files: CatalogFile[]): CatalogModel {
  return {
    name: "tiny",
    purpose: "Tests.",
    method: "ldm",
    bytes: 1,
    access: "open",
    training: "Noise.",
    trained: "laion",
    unknown: "Nothing.",
    sources: [{ repository: REPOSITORY, revision: "v1", license: "MIT", files }],
  };
}

const TINY = model({ path: "config.json" }, { path: "weights/all.pt", to: "all.pt" });

/** Runs a test with a hub that has the files of {@linkcode TINY}, in an empty folder. */
function withHub(test: (hub: FakeHub, folder: string) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    await using hub = new FakeHub();
    hub.add(`${REPOSITORY}/config.json`, CONFIG);
    hub.add(`${REPOSITORY}/weights/all.pt`, WEIGHTS);
    await test(hub, `${folder}/tiny`);
  });
}

/** Fetches a model as the command does, but without waiting. */
async function get(
  hub: FakeHub,
  folder: string,
  options: Partial<FetchModelOptions> & { what?: CatalogModel } = {},
): Promise<{ isNew: boolean; notices: string[] }> {
  const notices: string[] = [];
  const { what = TINY, source, ...others } = options;
  const isNew = await fetchModel(what, folder, {
    pauses: [0, 0, 0],
    freeBytes: () => Promise.resolve(1e12),
    onNotice: (notice) => notices.push(notice),
    ...others,
    source: {
      endpoint: hub.endpoint,
      hosts: [hub.host("hub"), hub.host("storage")],
      stall: 5000,
      ...source,
    },
  });
  return { isNew, notices };
}

function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

const WHOLE = ["all.pt", "config.json", "get.lock", "groundray.json"];

async function assertWhole(folder: string, weights = WEIGHTS): Promise<void> {
  assertEquals(filesIn(folder), WHOLE);
  assertEquals(await Deno.readFile(`${folder}/all.pt`), weights);
  assertEquals(await Deno.readTextFile(`${folder}/config.json`), CONFIG);
}

/** Lets the storage host send the weights with some bodies one after the other, then well. */
function tamper(
  hub: FakeHub,
  ...bodies: ((part: Uint8Array<ArrayBuffer>) => BodyInit)[]
): void {
  hub.prank = ({ server, range }) =>
    server === "storage" && range !== "bytes=0-0" && bodies.length > 0
      ? sendRange(WEIGHTS, range, {}, bodies.shift()!)
      : undefined;
}

const ranges = (requests: readonly SeenRequest[]) => requests.map(({ range }) => range);

Deno.test("fetchModel() fetches files from the hub and its storage host, once", () =>
  withHub(async (hub, folder) => {
    const seen: number[][] = [];
    assertEquals(
      await get(hub, folder, {
        onBegin: (...sizes) => seen.push(sizes),
        onBytes: (bytes) => seen.push([bytes]),
      }),
      { isNew: true, notices: [] },
    );
    await assertWhole(folder);
    const total = CONFIG.length + WEIGHTS.length;
    assertEquals([seen[0], seen.at(-1)], [[total, 0], [total]]);
    assertEquals(readRecord(folder), {
      commits: { [REPOSITORY]: COMMIT },
      files: {
        "config.json": {
          bytes: CONFIG.length,
          sha256: digest(new TextEncoder().encode(CONFIG), "sha256"),
        },
        "all.pt": { bytes: WEIGHTS.length, sha256: digest(WEIGHTS, "sha256") },
      },
    });
    assertEquals(modelState(TINY, folder), { kind: "here", bytes: total });
    // The first answer names the commit, from which all other files come.
    const [first, ...others] = hub.seen.filter(({ server }) => server === "hub");
    assertStringIncludes(first!.path, "/resolve/v1/config.json");
    assert(others.slice(1).every(({ path }) => path.includes(`/resolve/${COMMIT}/`)));
    hub.seen.length = 0;
    assertEquals(await get(hub, folder), { isNew: false, notices: [] });
    assertEquals(hub.seen, []);
  }));

Deno.test("fetchModel() takes the first path that a repository has, and says so", () =>
  withHub(async (hub, folder) => {
    hub.add(`${REPOSITORY}/plain/all.bin`, WEIGHTS);
    const others = ["plain/none.pt", "plain/all.bin"];
    const what = model({ path: "ema/all.pt", others, to: "all.pt" });
    assertEquals(await get(hub, folder, { what }), {
      isNew: true,
      notices: [`${REPOSITORY} lacks "ema/all.pt": taking "plain/all.bin" in its place.`],
    });
    assertEquals(await Deno.readFile(`${folder}/all.pt`), WEIGHTS);
    assertEquals((await get(hub, folder, { what })).isNew, false);
    const none = model({ path: "ema/a.pt", others: ["ema/b.pt"] });
    await assertRejects(() => get(hub, folder, { what: none }), Error, 'Cannot fetch "ema/a.pt"');
    hub.prank = () =>
      new Response(null, { status: 404, headers: { "x-error-code": "RepoNotFound" } });
    hub.seen.length = 0;
    await assertRejects(() => get(hub, folder, { what: none }), Error, "no such repository");
    assert(hub.seen.every(({ path }) => path.endsWith("a.pt")));
  }));

Deno.test("fetchModel() writes the files that no repository holds, and mends them", () =>
  withHub(async (hub, folder) => {
    const what = {
      ...model({ path: "config.json" }),
      written: [{ to: "tokenizer/settings.json", json: { length: 77 } }],
    };
    const path = `${folder}/tokenizer/settings.json`;
    assertEquals(modelState(what, folder), { kind: "absent" });
    assertEquals((await get(hub, folder, { what })).isNew, true);
    const text = '{\n  "length": 77\n}\n';
    assertEquals(await Deno.readTextFile(path), text);
    assertEquals(modelState(what, folder), { kind: "here", bytes: CONFIG.length + text.length });
    assertEquals((await get(hub, folder, { what })).isNew, false);
    await Deno.writeTextFile(path, "{}");
    assertEquals(modelState(what, folder).kind, "damaged");
    assertEquals((await get(hub, folder, { what })).isNew, true);
    assertEquals(await Deno.readTextFile(path), text);
  }));

Deno.test("fetchModel() asks no host that was not named, and shows the token to the hub alone", () =>
  withHub(async (hub, folder) => {
    hub.redirectsTo = "stranger";
    await assertRejects(
      () => get(hub, folder),
      Error,
      `sends on to http://${hub.host("stranger")}, which is not among the hosts that were named`,
    );
    assert(hub.seen.every(({ server }) => server === "hub"));
    hub.redirectsTo = "storage";

    hub.seen.length = 0;
    hub.prank = ({ server, authorization }) =>
      server === "hub" && authorization !== "Bearer hf_secret"
        ? new Response(null, { status: 401 })
        : undefined;
    const source = {
      endpoint: hub.endpoint,
      hosts: [hub.host("hub"), hub.host("storage")],
      token: "hf_secret",
    };
    await get(hub, folder, { source });
    await assertWhole(folder);
    assert(hub.stored.length > 0);
    assert(hub.stored.every(({ authorization }) => authorization === null));
  }));

Deno.test("fetchModel() goes on after broken and stalled connections and busy servers", () =>
  withHub(async (hub, folder) => {
    tamper(
      hub,
      (part) => brokenBody(part, 100_000),
      (part) => brokenBody(part, 50_000),
      (part) => brokenBody(part, 20_000, "stall"),
    );
    const source = {
      endpoint: hub.endpoint,
      hosts: [hub.host("hub"), hub.host("storage")],
      stall: 300,
    };
    const { notices } = await get(hub, folder, { source });
    await assertWhole(folder);
    assertEquals(notices.map((notice) => notice.replace(/127\S+/, "HOST")), [
      "The connection to HOST broke; trying again in 0 s",
      "The connection to HOST broke; trying again in 0 s",
      "HOST sent nothing for 0 s; trying again in 0 s",
    ]);
    assertEquals(ranges(hub.stored), [
      "bytes=0-0",
      "bytes=0-299999",
      "bytes=100000-299999",
      "bytes=150000-299999",
      "bytes=170000-299999",
    ]);
  }));

Deno.test("fetchModel() waits for a busy server, but not for ever, and keeps the part", () =>
  withHub(async (hub, folder) => {
    let busy = 2;
    const refuse = () =>
      busy-- > 0 ? new Response(null, { status: 503, headers: { "retry-after": "0" } }) : undefined;
    hub.prank = refuse;
    const { notices } = await get(hub, folder);
    assertStringIncludes(notices[1]!, "answered 503; trying again in 0 s");
    await assertWhole(folder);

    await Deno.remove(`${folder}/all.pt`);
    tamper(hub, (part) => brokenBody(part, 1000), ...Array(4).fill(() => brokenBody(WEIGHTS, 0)));
    await assertRejects(() => get(hub, folder), Error, "the same command goes on where it was");
    assertEquals(filesIn(folder), [
      ...["all.pt.part", "all.pt.part.json", "config.json", "get.lock", "groundray.json"],
    ]);
    assertEquals(modelState(TINY, folder).kind, "damaged");
    hub.prank = () => undefined;
    hub.seen.length = 0;
    await get(hub, folder);
    assertEquals(ranges(hub.stored), ["bytes=0-0", "bytes=1000-299999"]);
    await assertWhole(folder);
  }));

Deno.test("fetchModel() says who may have a file, and how", () =>
  withHub(async (hub, folder) => {
    const page = `https://huggingface.co/${REPOSITORY}`;
    const cases: [status: number, code: string, token: string | undefined, message: string][] = [
      [401, "GatedRepo", undefined, `agree at ${page}, make a token at`],
      [403, "GatedRepo", "hf_x", `agree at ${page}, as the user of the token in HF_TOKEN`],
      [401, "", "hf_x", "does not accept the token in HF_TOKEN (401)"],
      [404, "EntryNotFound", undefined, 'revision "v1" has no such file any more'],
      [404, "RevisionNotFound", undefined, 'has no revision "v1" any more'],
      [401, "RepoNotFound", undefined, "has no such repository, or only for some users"],
      [404, "", undefined, `${hub.host("hub")} has no such file at revision "v1"; ${page} shows`],
      [418, "", undefined, "answered 418"],
    ];
    for (const [status, code, token, message] of cases) {
      hub.prank = () => new Response(null, { status, headers: { "x-error-code": code } });
      const source = { endpoint: hub.endpoint, hosts: [hub.host("hub")], ...(token && { token }) };
      await assertRejects(() => get(hub, folder, { source }), Error, message);
    }
    const withheld = "HF_TOKEN was not sent to the mirror";
    hub.prank = () => new Response(null, { status: 401 });
    const source = { endpoint: hub.endpoint, hosts: [hub.host("hub")], withheld };
    await assertRejects(() => get(hub, folder, { source }), Error, withheld);
    assert(hub.seen.every(({ authorization }) => [null, "Bearer hf_x"].includes(authorization)));
    assertEquals(filesIn(folder), ["get.lock"]);

    // The storage host knows nothing of terms; a commit of the record may be gone.
    const storage = `the storage host ${hub.host("storage")} answered 403`;
    hub.prank = ({ server }) =>
      server === "storage" ? new Response(null, { status: 403 }) : undefined;
    await assertRejects(() => get(hub, folder), Error, storage);
    hub.prank = () =>
      new Response(null, { status: 404, headers: { "x-error-code": "RevisionNotFound" } });
    const gone =
      `no revision "${COMMIT}" any more; ${page} shows the files of today, which come after`;
    await assertRejects(() => get(hub, folder), Error, gone);
  }));

Deno.test("fetchModel() takes no web page and no compressed answer for a file", () =>
  withHub(async (hub, folder) => {
    const cases: [headers: Record<string, string>, message: string][] = [
      [{ "content-type": "text/html; charset=utf-8" }, "sends a web page in its place"],
      [{ "content-encoding": "zstd" }, "sends it compressed"],
    ];
    for (const [headers, message] of cases) {
      for (const wanted of ["hub", "storage"]) {
        hub.prank = ({ server }) =>
          server === wanted ? new Response("<html>", { headers }) : undefined;
        await assertRejects(() => get(hub, folder), Error, message);
      }
    }
    assertEquals(filesIn(folder), ["get.lock", "groundray.json"]);
    assertEquals(readRecord(folder).files, {});
  }));

Deno.test("fetchModel() takes no file of another length or hash", () =>
  withHub(async (hub, folder) => {
    const path = `${REPOSITORY}/weights/all.pt`;
    // The storage host has a shorter file than the repository states.
    hub.prank = ({ server, range }) =>
      server === "storage" ? sendRange(WEIGHTS.slice(0, 1000), range) : undefined;
    await assertRejects(
      () => get(hub, folder),
      Error,
      "has 1000 bytes, but the repository says 300000",
    );
    // Each answer ends early.
    hub.prank = ({ server, range }) =>
      server === "storage"
        ? sendRange(WEIGHTS, range, {}, (part) => brokenBody(part, range === "bytes=0-0" ? 1 : 0))
        : undefined;
    await assertRejects(() => get(hub, folder), Error, "the same command goes on");
    // The right number of other bytes.
    hub.prank = ({ server, range }) =>
      server === "storage" ? sendRange(noise(300_000, 7), range) : undefined;
    await assertRejects(() => get(hub, folder), Error, `expected ${digest(WEIGHTS, "sha256")}`);
    // More bytes than the answer should have.
    hub.prank = ({ server, range }) =>
      server === "storage" && range !== "bytes=0-0"
        ? new Response(noise(300_001), {
          status: 206,
          headers: { "content-range": "bytes 0-299999/300000" },
        })
        : undefined;
    await assertRejects(() => get(hub, folder), Error, "more bytes came than the 300000");
    hub.prank = () => undefined;
    const wrong = model({ path: "weights/all.pt", to: "all.pt", digest: "md5:00" });
    await assertRejects(() => get(hub, folder, { what: wrong }), Error, "its md5 is");
    assertEquals(filesIn(folder).filter((name) => !name.includes(".part")), [
      ...["config.json", "get.lock", "groundray.json"],
    ]);
    const right = model({
      ...{ path: "weights/all.pt", to: "all.pt" },
      digest: `md5:${digest(WEIGHTS, "md5")}`,
    });
    await get(hub, folder, { what: right });
    assertEquals(await Deno.readFile(`${folder}/all.pt`), WEIGHTS);

    // The hash of the first download holds for later ones.
    await Deno.remove(`${folder}/all.pt`);
    hub.files.get(path)!.bytes = noise(300_000, 9);
    await assertRejects(() => get(hub, folder), Error, `expected ${digest(WEIGHTS, "sha256")}`);
  }));

Deno.test("fetchModel() begins anew if a file changes or grows at its source", () =>
  withHub(async (hub, folder) => {
    const file = hub.files.get(`${REPOSITORY}/weights/all.pt`)!;
    for (const changed of [noise(300_000, 3), noise(400_000, 4)]) {
      file.bytes = WEIGHTS;
      let isBroken = false;
      hub.prank = ({ server, range }) => {
        if (server !== "storage" || range === "bytes=0-0" || isBroken) return;
        isBroken = true;
        file.bytes = changed;
        return sendRange(WEIGHTS, range, {}, (part) => brokenBody(part, 5000));
      };
      const { notices } = await get(hub, folder);
      assertEquals(
        notices[1],
        '"weights/all.pt" changed at its source and begins anew; trying again in 0 s',
      );
      await assertWhole(folder, changed);
      await Deno.remove(folder, { recursive: true });
    }
  }));

Deno.test("fetchModel() begins anew between two commands if the part is of another file", () =>
  withHub(async (hub, folder) => {
    const path = `${REPOSITORY}/weights/all.pt`;
    const leavePart = async () => {
      await Deno.remove(folder, { recursive: true }).catch(() => {});
      tamper(hub, (part) => brokenBody(part, 5000));
      await assertRejects(() => get(hub, folder, { pauses: [] }));
      hub.prank = () => undefined;
      hub.seen.length = 0;
    };
    await leavePart();
    await get(hub, folder);
    assertEquals(ranges(hub.stored)[1], "bytes=5000-299999");

    await leavePart();
    hub.files.get(path)!.bytes = noise(300_000, 3);
    await get(hub, folder);
    assertEquals(ranges(hub.stored)[1], "bytes=0-299999");
    await assertWhole(folder, noise(300_000, 3));
    hub.files.get(path)!.bytes = WEIGHTS;

    // A power cut may leave bytes that the state does not count, or no state at all.
    await leavePart();
    await Deno.writeFile(`${folder}/all.pt.part`, new Uint8Array(7000), { append: true });
    await get(hub, folder);
    assertEquals(ranges(hub.stored)[1], "bytes=5000-299999");
    await assertWhole(folder);
    await leavePart();
    await Deno.writeTextFile(`${folder}/all.pt.part.json`, "");
    await get(hub, folder);
    assertEquals(ranges(hub.stored)[1], "bytes=0-299999");
    await assertWhole(folder);
  }));

Deno.test("fetchModel() takes files from servers that know no ranges, tags or sizes", () =>
  withHub(async (hub, folder) => {
    let count = 0;
    hub.prank = ({ server }) => {
      if (server !== "storage") return;
      // No range, and on the third request a broken connection.
      const body = ++count === 2 ? brokenBody(WEIGHTS, 9000) : WEIGHTS;
      return new Response(body, { headers: { "content-length": `${WEIGHTS.length}` } });
    };
    await get(hub, folder);
    await assertWhole(folder);

    await Deno.remove(folder, { recursive: true });
    count = 0;
    hub.prank = ({ server, path }) => {
      if (server !== "hub") return;
      const text = path.endsWith(".json") ? new TextEncoder().encode(CONFIG) : WEIGHTS;
      const body = ++count === 4 ? brokenBody(text, 9000) : new Blob([text]).stream();
      return new Response(body);
    };
    await get(hub, folder);
    await assertWhole(folder);
    assertEquals(readRecord(folder).commits, {});
  }));

Deno.test("fetchModel() keeps its part when it is stopped", () =>
  withHub(async (hub, folder) => {
    tamper(hub, (part) => brokenBody(part, 70_000, "stall"));
    const controller = new AbortController();
    const reason = new DOMException("stopped", "AbortError");
    const onBytes = (bytes: number) => {
      if (bytes > 70_000) controller.abort(reason);
    };
    const error = await assertRejects(() =>
      get(hub, folder, { signal: controller.signal, onBytes })
    );
    assertEquals(error, reason);
    assert(!filesIn(folder).includes("all.pt"));
    hub.seen.length = 0;
    await get(hub, folder);
    assertEquals(ranges(hub.stored), ["bytes=0-0", "bytes=70000-299999"]);
    await assertWhole(folder);
  }));

Deno.test("fetchModel() fetches a model once when two ask for it", () =>
  withHub(async (hub, folder) => {
    const results = await Promise.all([get(hub, folder), get(hub, folder)]);
    assertEquals(results.map(({ isNew }) => isNew).sort(), [false, true]);
    const { notices } = results.find(({ isNew }) => !isNew)!;
    assertEquals(notices, ["Another command is fetching tiny: waiting for it."]);
    assertEquals(hub.stored.length, 2);
    await assertWhole(folder);
  }));

Deno.test("fetchModel() asks for room on the disk first, and repairs damaged files", () =>
  withHub(async (hub, folder) => {
    await assertRejects(
      () => get(hub, folder, { freeBytes: () => Promise.resolve(200_000) }),
      Error,
      `Cannot fetch tiny: "${folder}" needs 1 MB more, but its disk has 1 MB free`,
    );
    await get(hub, folder);
    await Deno.writeFile(`${folder}/all.pt`, noise(300_000, 2));
    // Only a whole read shows such a damage; opening a model looks at sizes.
    assertEquals(modelState(TINY, folder).kind, "here");
    const { notices } = await get(hub, folder);
    assertEquals(notices, [`"${folder}/all.pt" is damaged and is fetched again.`]);
    await assertWhole(folder);
    await Deno.truncate(`${folder}/all.pt`, 5);
    assertEquals(modelState(TINY, folder), {
      kind: "damaged",
      reason: `"${folder}/all.pt" has 5 bytes, expected 300000`,
    });
    await Deno.writeTextFile(`${folder}/groundray.json`, '{"commits": {}, "files": {"a": {}}}');
    await assertRejects(() => get(hub, folder), SyntaxError, "it is damaged");
  }));
