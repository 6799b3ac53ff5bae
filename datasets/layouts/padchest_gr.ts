/**
 * PadChest-GR: grounded radiology reports as JSON.
 *
 * @module
 */

import { InputSyntaxError } from "../../base/errors.ts";
import type { CsvTable } from "../csv.ts";
import { given, isObject } from "../../base/json.ts";
import { nameOf, stemOf } from "../../base/paths.ts";
import { show } from "../show.ts";
import type { SplitRow } from "../split_row.ts";
import type { Layout } from "./layout.ts";
import { CLASSES } from "../sample.ts";

/**
 * Makes rows from `grounded_reports_….json`: each English sentence with its boxes,
 * in shares of the image's width and height. The sentence's first row has the boxes of the second
 * reader (`extra_boxes`), too. The class is the first label of the sentence.
 *
 * @param master `master_table.csv`, which has the split of each study, if present.
 * @param hasNegatives Sentences without boxes that state nothing abnormal, such as "No pleural
 * effusion.", follow the others. Other sentences without boxes are always left out.
 * @param asLabels Make a row without a class for each study, and rows for each label of a finding in
 * place of its first, without a box if the finding has none.
 * @throws {SyntaxError} If the content is not a list of studies.
 */
export function padchestRows(
  path: string,
  json: unknown,
  master: CsvTable | undefined,
  hasNegatives = false,
  asLabels = false,
): SplitRow[] {
  if (!Array.isArray(json)) throw new InputSyntaxError(`Cannot read "${path}": expected a list`);
  const isStudy = (study: unknown) => isObject(study) && Array.isArray(study.findings);
  if (json.length > 0 && !json.some(isStudy)) {
    throw new InputSyntaxError(`Cannot read "${path}": study 0 has no list "findings"`);
  }
  const splits = master ? splitsOf(master) : new Map<string, Split>();
  const rows = json.flatMap((study: unknown, i): SplitRow[] => {
    const { ImageID: id, findings } = isObject(study) ? study : {};
    const image = typeof id === "string" ? id : "";
    const common = {
      stem: stemOf(image) || `study ${i}`,
      image,
      ...splits.get(image),
    };
    if (!Array.isArray(findings)) {
      const fault = `the study has no list "findings", got ${
        show(isObject(study) ? findings ?? "none" : study)
      }`;
      return [{ where: `${nameOf(path)}:[${i}]`, phrase: "", ...common, fault }];
    }
    const alone = asLabels ? [{ where: `${nameOf(path)}:[${i}]`, phrase: "", ...common }] : [];
    return alone.concat(
      findings.flatMap((finding, j) =>
        (asLabels ? labelRows(finding) : findingRows(finding)).map((row) => ({
          where: `${nameOf(path)}:[${i}].findings[${j}]`,
          ...common,
          ...row,
        }))
      ),
    );
  });
  // Ids count the phrases of an image: the others keep their ids if negative sentences come last.
  const negatives = rows.filter(({ isNegative }) => isNegative);
  return [...rows.filter(({ isNegative }) => !isNegative), ...hasNegatives ? negatives : []];
}

type Split = Pick<SplitRow, "split" | "splitFault" | "patient">;

/** Maps each image to its split, or to the reason why the split cannot be read. */
function splitsOf({ name, records }: CsvTable): Map<string, Split> {
  const splits = new Map<string, Split>();
  for (const { line, text, fault } of records) {
    const [image, split, patient] = [text("ImageID"), text("split"), text("PatientID")];
    if (!fault) splits.set(image, given({ split, patient }));
    else if (!splits.has(image)) {
      splits.set(image, { splitFault: `its split cannot be read: ${fault} (${name}:${line})` });
    }
  }
  return splits;
}

type FindingRow = Pick<
  SplitRow,
  "phrase" | "box" | "otherBoxes" | "boxUnit" | "category" | "isNegative" | "fault"
>;

/**
 * Makes a row for each box of a finding, or for a negative sentence. A malformed finding gives one
 * row with a fault.
 */
function findingRows(finding: unknown): FindingRow[] {
  if (!isObject(finding)) return [{ phrase: "", fault: "the finding is not an object" }];
  const { sentence_en: sentence, boxes = [], extra_boxes: others = [], labels } = finding;
  const phrase = typeof sentence === "string" ? sentence : "";
  if (!Array.isArray(boxes)) {
    return [{ phrase, fault: `"boxes" must be a list, got ${show(boxes)}` }];
  }
  const label = Array.isArray(labels) && typeof labels[0] === "string" ? labels[0] : "";
  const category = className(label);
  const row = { phrase, boxUnit: "image" as const, ...(category && { category }) };
  if (boxes.length === 0 && finding.abnormal === false) return [{ ...row, isNegative: true }];
  const otherBoxes = Array.isArray(others) ? others.map((box) => boxOf(box) ?? box) : [others];
  return boxes.map((corners: unknown, i) => {
    const box = boxOf(corners);
    if (!box) return { ...row, fault: `a box must be four numbers, got ${show(corners)}` };
    return { ...row, box, ...(i === 0 && otherBoxes.length > 0 && { otherBoxes }) };
  });
}

/** Converts corners to a box; `undefined` if they are not four numbers. */
function boxOf(corners: unknown): number[] | undefined {
  const isBox = Array.isArray(corners) && corners.length === 4 && corners.every(Number.isFinite);
  if (!isBox) return undefined;
  const [left, top, right, bottom] = corners as [number, number, number, number];
  return [left, top, right - left, bottom - top];
}

/** The paper's name of a label, if the paper has the class. */
function className(label: string): string {
  return CLASSES.find((name) => name.toLowerCase() === label.toLowerCase()) ?? label;
}

/** Makes rows for each label of a finding, without a box if it has none. */
function labelRows(finding: unknown): FindingRow[] {
  const { labels, abnormal } = isObject(finding) ? finding : {};
  const [first, ...others] = findingRows(finding).filter(({ isNegative }) => !isNegative);
  if (!first && abnormal === false) return [];
  const rows = first ? [first, ...others] : [{ phrase: "" }];
  if (!Array.isArray(labels)) return rows;
  return labels.filter((label) => typeof label === "string").flatMap((label) =>
    rows.map((row) => ({ ...row, category: className(label) }))
  );
}

/** Files of PadChest-GR; the table of all studies has the splits. */
export const PADCHEST_GR: Layout = {
  title: "PadChest-GR",
  imagesOf: "padchest",
  json: {
    matches: Array.isArray,
    rows: padchestRows,
    example: [{
      StudyID: "s",
      ImageID: "a.png",
      findings: [
        {
          sentence_en: "Effusion.",
          abnormal: true,
          boxes: [[0.1, 0.2, 0.5, 0.9], [0, 0, 1, 1]],
          extra_boxes: [[0.1, 0.1, 0.5, 0.9]],
          labels: ["pleural effusion"],
        },
        { sentence_en: "No nodule.", abnormal: false },
      ],
    }],
  },
  release: {
    names: [/^grounded_reports_\w+\.json$/],
    shown: "grounded_reports_….json (PadChest-GR)",
  },
  labels: {
    rows: (path, { json }, master) => padchestRows(path, json, master, false, true),
  },
  companion: (name) => /\.json$/i.test(name) ? "master_table.csv" : undefined,
};
