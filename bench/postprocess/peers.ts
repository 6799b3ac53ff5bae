/**
 * The Python peers: one process that answers one request at a time.
 *
 * @module
 */

/** Request to a peer; see `postprocess_peer.py`. */
export interface PeerRequest {
  /** Contender and computation, such as `best.otsu`. */
  readonly run: string;
  /** Names of arrays sent by {@linkcode Peers.put}, by argument. */
  readonly arguments: Readonly<Record<string, string>>;
  /** Arguments that are plain JSON values. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Number of the maps' first steps to use; all by default. */
  readonly steps?: number;
  /** Number of repetitions; one by default. */
  readonly repeat?: number;
}

/** A peer's answer. */
export interface PeerAnswer {
  /** Milliseconds of the computation. */
  readonly milliseconds: number;
  /** The results in order; empty unless the request asked for them. */
  readonly values: readonly Float32Array[];
}

const PROGRAM = decodeURIComponent(new URL("postprocess_peer.py", import.meta.url).pathname);

/** Says why the peers cannot run, and how to change that. */
export class NoPeersError extends Error {
  override name = "NoPeersError";
}

/** The process with both Python peers. */
export class Peers {
  /** Versions of Python and its libraries. */
  readonly versions: Readonly<Record<string, string>>;
  /** Number of threads that PyTorch uses. */
  readonly threads: number;
  /** Milliseconds from the start of the process until Python's libraries are loaded. */
  readonly loadMilliseconds: number;
  #process: Deno.ChildProcess;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #reader: Reader;

  private constructor(
    process: Deno.ChildProcess,
    reader: Reader,
    facts: { versions: Record<string, string>; threads: number; loadMilliseconds: number },
  ) {
    this.#process = process;
    this.#writer = process.stdin.getWriter();
    this.#reader = reader;
    this.versions = facts.versions;
    this.threads = facts.threads;
    this.loadMilliseconds = facts.loadMilliseconds;
  }

  /**
   * Starts the first `python3` of the path.
   *
   * @throws {NoPeersError} If there is no `python3`, or if it lacks a library.
   */
  static async open(): Promise<Peers> {
    const began = performance.now();
    let process: Deno.ChildProcess;
    try {
      const command = new Deno.Command("python3", {
        args: ["-u", PROGRAM],
        stdin: "piped",
        stdout: "piped",
        stderr: "inherit",
      });
      process = command.spawn();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new NoPeersError("there is no python3 in the path");
    }
    const reader = new Reader(process.stdout);
    const facts = JSON.parse(await reader.line());
    if (facts.missing) {
      await process.status;
      throw new NoPeersError(
        `${facts.missing}; bench/postprocess/postprocess_peer.py says what to install`,
      );
    }
    const loadMilliseconds = performance.now() - began;
    return new Peers(process, reader, { ...facts, loadMilliseconds });
  }

  /** Sends an array, under a name that requests refer to. */
  async put(
    name: string,
    data: Float32Array | Uint8Array,
    shape: readonly number[],
  ): Promise<void> {
    const dtype = data instanceof Float32Array ? "<f4" : "|u1";
    await this.#send({ put: name, dtype, shape });
    await this.#writer.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    await this.#reader.line();
  }

  /**
   * Runs a computation.
   *
   * @param isWanted Whether the answer includes the results.
   */
  async run(request: PeerRequest, isWanted = false): Promise<PeerAnswer> {
    await this.#send({ ...request, result: isWanted });
    const { milliseconds, lengths } = JSON.parse(await this.#reader.line());
    const values: Float32Array[] = [];
    for (const length of lengths as number[]) {
      values.push(new Float32Array((await this.#reader.bytes(4 * length)).buffer));
    }
    return { milliseconds, values };
  }

  /** Ends the process. */
  async close(): Promise<void> {
    await this.#writer.close();
    await this.#reader.close();
    await this.#process.status;
  }

  async #send(message: unknown): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(JSON.stringify(message) + "\n"));
  }
}

/** Reads lines and bytes from one stream. */
class Reader {
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async line(): Promise<string> {
    let end: number;
    while ((end = this.#rest.indexOf(10)) < 0) await this.#more();
    return new TextDecoder().decode(this.#take(end + 1));
  }

  async bytes(length: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#rest.length < length) await this.#more();
    return this.#take(length);
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    const taken = this.#rest.slice(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  async #more(): Promise<void> {
    const { value } = await this.#reader.read();
    if (!value) throw new Error("The Python peer ended before its time; its error is above");
    const joined = new Uint8Array(this.#rest.length + value.length);
    joined.set(this.#rest);
    joined.set(value, this.#rest.length);
    this.#rest = joined;
  }
}
