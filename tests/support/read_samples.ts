import { openDataset } from "../../datasets/open_dataset.ts";
import type { Sample } from "../../datasets/sample.ts";

/**
 * Reads all samples of a dataset that fits into memory and has no bad row.
 *
 * @param path Dataset, as in {@linkcode openDataset}.
 * @throws {Error} If a row could not become a sample.
 */
export async function readSamples(path: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  for await (const entry of (await openDataset(path)).items) {
    if (entry.kind === "failure") throw new Error(`${entry.failure.id}: ${entry.failure.reason}`);
    samples.push(entry.sample);
  }
  return samples;
}
