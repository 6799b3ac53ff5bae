/**
 * Patients behind the images of a run.
 *
 * @module
 */

import { nameOf } from "../base/paths.ts";
import type { SampleResult } from "../pipeline/evaluate.ts";

/**
 * Patterns of image paths that name the patient: MIMIC-CXR and MS-CXR
 * (`files/p10/p10000032/s50414267/….jpg`), and CheXpert (`patient00001/study1/…` or
 * `patient00001_study1_…`).
 */
const PATHS = [/(?:^|[\\/])p\d\d[\\/](p\d{8})[\\/]/, /(?:^|[\\/])(patient\d{5,})(?=[\\/_])/];

/** Patterns of image names that name the patient, by the kind of the dataset. */
const NAMES: Readonly<Record<string, RegExp>> = {
  // ChestX-ray14 numbers the images of a patient: `00000001_000.png`.
  "nih-chestxray14": /^(\d{8})_\d{3}\./,
  // The table names an image by its `patientId`.
  "rsna-pneumonia": /^(.+?)(?:\.[^.]*)?$/,
};

/**
 * Patient of a result: stated by a column of the dataset, or else named by the image's path.
 *
 * @param result The result.
 * @param kind Kind of the dataset in the run's record.
 * @returns `undefined` if the dataset does not tell the patient.
 */
export function patientOf(
  { patient, image = "" }: Pick<SampleResult, "patient" | "image">,
  kind: unknown,
): string | undefined {
  if (patient !== undefined) return patient;
  const path = PATHS.map((pattern) => pattern.exec(image)?.[1]).find((name) => name !== undefined);
  return path ?? NAMES[String(kind)]?.exec(nameOf(image))?.[1];
}

/** Units that samples are drawn by, since samples of one unit are not independent. */
export interface Units {
  /** A patient if the dataset tells the patient of each sample, otherwise an image. */
  readonly unit: "patient" | "image";
  /** Name of each sample's unit. */
  readonly names: readonly string[];
}

/**
 * Finds the unit of each result.
 *
 * @param results The results.
 * @param kind Kind of the dataset in the run's record.
 */
export function unitsOf(
  results: readonly Pick<SampleResult, "id" | "patient" | "image">[],
  kind: unknown,
): Units {
  const patients = results.map((result) => patientOf(result, kind));
  const arePatients = patients.every((patient) => patient !== undefined);
  return arePatients
    ? { unit: "patient", names: patients }
    : { unit: "image", names: results.map(({ image, id }) => image ?? id) };
}
