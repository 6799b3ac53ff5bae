import type { SampleResult } from "../pipeline/evaluate.ts";

/**
 * Patterns of image paths that name the patient: MIMIC-CXR and MS-CXR
 * (`files/p10/p10000032/s50414267/….jpg`), CheXpert (`patient00001/study1/…` or
 * `patient00001_study1_…`), and ChestX-ray14 (`00000001_000.png`).
 */
const PATTERNS = [
  /(?:^|[\\/])p\d\d[\\/](p\d{8})[\\/]/,
  /(?:^|[\\/])(patient\d{5,})(?=[\\/_])/,
  /(?:^|[\\/])(\d{8})_\d{3}\.[^\\/.]+$/,
];

/**
 * Patient of a result: stated by a column of the dataset, or else named by the image's path.
 *
 * @returns `undefined` if the dataset does not tell the patient.
 */
export function patientOf(
  { patient, image = "" }: Pick<SampleResult, "patient" | "image">,
): string | undefined {
  if (patient !== undefined) return patient;
  return PATTERNS.map((pattern) => pattern.exec(image)?.[1]).find((name) => name !== undefined);
}

/** Units that samples are drawn by, since samples of one unit are not independent. */
export interface Units {
  /** A patient if the dataset tells the patient of each sample, otherwise an image. */
  readonly unit: "patient" | "image";
  /** Name of each sample's unit. */
  readonly names: readonly string[];
}

/** Finds the unit of each result. */
export function unitsOf(
  results: readonly Pick<SampleResult, "id" | "patient" | "image">[],
): Units {
  const patients = results.map((result) => patientOf(result));
  const arePatients = patients.every((patient) => patient !== undefined);
  return arePatients
    ? { unit: "patient", names: patients }
    : { unit: "image", names: results.map(({ image, id }) => image ?? id) };
}
