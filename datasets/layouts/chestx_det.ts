/**
 * ChestX-Det: outlines of 13 classes on images of NIH ChestX-ray14.
 *
 * The source of the format is the README of `Deepwise-AILab/ChestX-Det-Dataset` on GitHub.
 *
 * @module
 */

import { InputSyntaxError } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { nameOf, stemOf } from "../../base/paths.ts";
import { show } from "../show.ts";
import type { SplitRow } from "../split_row.ts";
import type { Layout } from "./layout.ts";
import { classFault, classPhrase } from "./_class_phrase.ts";

/** Names of the classes. */
const CLASSES = [
  "Atelectasis",
  "Calcification",
  "Cardiomegaly",
  "Consolidation",
  "Diffuse Nodule",
  "Effusion",
  "Emphysema",
  "Fibrosis",
  "Fracture",
  "Mass",
  "Nodule",
  "Pleural Thickening",
  "Pneumothorax",
];

/** Name of a class in tables: the paper's if it has the class under another name. */
function tableName(name: string): string {
  return name === "Effusion" ? "Pleural Effusion" : name;
}

/**
 * Makes rows from `ChestX_Det_….json`: an image's outlines of one class are one sample. Images
 * without an annotation are left out. An entry without `polygons`, as in ChestX-Det10, gives its
 * boxes.
 *
 * @param asLabels Take boxes in place of outlines, and a row without a class for each image.
 * @throws {SyntaxError} If the content is not a list of images.
 */
export function chestxDetRows(path: string, json: unknown, asLabels = false): SplitRow[] {
  if (!Array.isArray(json)) throw new InputSyntaxError(`Cannot read "${path}": expected a list`);
  const [, split] = /^ChestX_Det_(\w+)\.json$/i.exec(nameOf(path)) ?? [];
  return json.flatMap((entry: unknown, i) => {
    const { file_name: name, syms, boxes, polygons } = isObject(entry) ? entry : {};
    const image = typeof name === "string" ? name : "";
    const common = {
      stem: stemOf(image) || `image ${i}`,
      image,
      ...(split && { split }),
    };
    const where = `${nameOf(path)}:[${i}]`;
    const hasBoxes = polygons === undefined || asLabels && boxes !== undefined;
    const [field, shapes] = hasBoxes ? ["boxes", boxes] : ["polygons", polygons];
    if (!Array.isArray(syms) || !Array.isArray(shapes) || syms.length !== shapes.length) {
      const fault = `expected lists "syms" and "${field}" of equal length, got ${
        show(isObject(entry) ? { syms, [field as string]: shapes } : entry)
      }`;
      return [{ where, phrase: "", ...common, fault }];
    }
    const alone = asLabels ? [{ where, phrase: "", ...common }] : [];
    return alone.concat(syms.map((sym: unknown, j): SplitRow => {
      const found = CLASSES.find((name) => name === sym);
      return {
        where: `${where}.${field}[${j}]`,
        ...common,
        phrase: found ? classPhrase(found) : "",
        ...(found && { category: tableName(found) }),
        ...(field === "boxes"
          ? { box: Array.isArray(shapes[j]) ? shapes[j] : [shapes[j]], boxColumns: CORNERS }
          : { mask: { segmentation: outlinesOf(shapes[j]) } }),
        ...(!found && { fault: classFault(CLASSES, sym) }),
      };
    }));
  });
}

const CORNERS = { names: ["x1", "y1", "x2", "y2"], areCorners: true };

/**
 * Makes a list of numbers of each outline of a finding, which has one outline or a list of outlines.
 * Anything else stays unchanged for the error.
 */
function outlinesOf(shape: unknown): unknown[] {
  const arePoints = (outline: unknown): outline is unknown[] =>
    Array.isArray(outline) && outline.length > 0 &&
    outline.every((point) =>
      Array.isArray(point) && point.length === 2 && !Array.isArray(point[0])
    );
  const outlines = Array.isArray(shape) && shape.length > 0 && shape.every(arePoints)
    ? shape
    : [shape];
  return outlines.map((outline) => arePoints(outline) ? outline.flat() : outline);
}

/** Files of ChestX-Det: a list for each split. */
export const CHESTX_DET: Layout = {
  title: "ChestX-Det",
  imagesOf: "nih-chestxray14",
  json: {
    matches: (json) =>
      Array.isArray(json) && json.some((entry) => isObject(entry) && "syms" in entry),
    rows: (path, json) => chestxDetRows(path, json),
    example: [
      { file_name: "none.png", syms: [], boxes: [], polygons: [] },
      {
        file_name: "a.png",
        syms: ["Effusion", "Nodule"],
        boxes: [[1, 1, 5, 5], [2, 2, 6, 7]],
        polygons: [[[1, 1], [5, 1], [5, 5]], [[2, 2], [6, 2], [6, 7], [2, 7]]],
      },
    ],
  },
  release: {
    names: [/^ChestX_Det_\w+\.json$/i],
    shown: "ChestX_Det_….json (ChestX-Det)",
  },
  findsImagesByName: true,
  labels: {
    classes: CLASSES.map(tableName),
    rows: (path, { json }) => chestxDetRows(path, json, true),
  },
  wordings: {},
};
