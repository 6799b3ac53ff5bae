/**
 * Starts a real Slurm on one machine for the duration of a test.
 *
 * @module
 */

import { type CommandResult, readOutput } from "../support/command.ts";

const SCRIPT = decodeURIComponent(new URL("cluster.sh", import.meta.url).pathname);
const CONFIG = decodeURIComponent(new URL("../../deno.json", import.meta.url).pathname);

/** A cluster of the nodes a and b; each node runs one task at a time. */
export interface Cluster {
  /** Runs a command of Slurm and returns its output. */
  run(name: string, ...args: string[]): Promise<string>;
  /** Runs a task of the project, as a user of the cluster would. */
  task(name: string, ...args: string[]): Promise<CommandResult>;
  /** Kills a node and its processes; Slurm has to notice the loss by itself. */
  lose(node: string): Promise<void>;
}

/**
 * Starts a cluster in a folder, runs a test on it, and stops the cluster.
 *
 * @throws {Error} If Slurm is not installed, or does not start.
 */
export async function inCluster(
  folder: string,
  test: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  const own = `${folder}/slurm`;
  const slurm = { SLURM_CONF: `${own}/slurm.conf` };
  await Deno.mkdir(own);
  const child = new Deno.Command("bash", {
    args: [SCRIPT, own, ...freePorts(3).map(String)],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const commands = child.stdin.getWriter();
  const ended = child.output();
  const cluster: Cluster = {
    async run(name, ...args) {
      const { code, stdout, stderr } = await readOutput(name, { args, env: slurm });
      if (code !== 0) throw new Error(`${name} ${args.join(" ")}: ${stderr}`);
      return stdout.trim();
    },
    task(name, ...args) {
      const all = ["task", "--quiet", "--config", CONFIG, name, "--", ...args];
      const env = { ...slurm, NO_COLOR: "1", INIT_CWD: folder };
      return readOutput("deno", { args: all, cwd: folder, env });
    },
    lose: (node) => commands.write(new TextEncoder().encode(`lose ${node}\n`)),
  };
  const ready = async () => {
    const idle = () => cluster.run("sinfo", "--noheader", "--Node", "--format=%T").catch(() => "");
    await until("both nodes are idle", async () => await idle() === "idle\nidle");
    await test(cluster);
  };
  const broken = async () => {
    throw new Error(new TextDecoder().decode((await ended).stderr).trim());
  };
  try {
    await Promise.race([ready(), broken()]);
  } finally {
    await commands.close().catch(() => {});
    await ended;
  }
}

/**
 * Waits until a condition holds.
 *
 * @throws {Error} If the condition does not hold within five minutes.
 */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const last = Date.now() + 300_000;
  while (!await isSo()) {
    if (Date.now() > last) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  for (const listener of listeners) listener.close();
  return listeners.map(({ addr }) => addr.port);
}
