/**
 * A dataset as a test of a detector: every image is asked for every class.
 *
 * @module
 */

import { closestString } from "@std/text/closest-string";
import { levenshteinDistance } from "@std/text/levenshtein-distance";
import { InputRangeError } from "../../base/errors.ts";
import { fold } from "../csv.ts";
import { show } from "../show.ts";
import type { SplitRow } from "../split_row.ts";
import { given } from "../../base/json.ts";

/** Choice of the classes to ask for, and the phrase of each. */
export interface Detection {
  /** Names of classes, or `all`. */
  readonly classes: readonly string[];
  /** Phrase with `{label}` in place of the class. */
  readonly template: string;
}

/** Most pairs of image and class: all labels of PadChest-GR come to a million. */
const MOST_QUESTIONS = 4_000_000;

/** Place of the class in a template. */
export const LABEL = "{label}";

/** Templates to choose from; the first is that of the released code for datasets without phrases. */
export const TEMPLATES = [
  "The patient has {label}",
  "Where is {label}?",
  "{label}",
  "There is {label}",
  "Findings consistent with {label}",
] as const;

/**
 * Makes the phrase of a class.
 *
 * @throws {RangeError} If the template has no place for the class.
 */
export function fillTemplate(template: string, label: string): string {
  if (template.includes(LABEL)) return template.replaceAll(LABEL, () => label);
  throw new InputRangeError(
    `Cannot ask for classes by the template "${show(template)}": expected ${LABEL} in it, ` +
      `such as "${TEMPLATES[1]}"`,
  );
}

/**
 * Chooses classes by their names, in which case, blanks and punctuation do not count. Each class
 * counts once, in the given order.
 *
 * @param asked Names, with commas between them.
 * @param known The classes to choose from.
 * @param all The classes that `all` stands for.
 * @param file Path of the dataset, for the message.
 * @throws {RangeError} If a name is unknown; the message suggests the nearest.
 */
export function chooseClasses(
  asked: readonly string[],
  known: readonly string[],
  all: readonly string[] = known,
  file?: string,
): string[] {
  const byFolded = new Map(known.map((name) => [fold(name), name]));
  // A class may have a comma in its name.
  const names = asked.flatMap((text) => byFolded.has(fold(text)) ? [text] : text.split(","));
  const chosen = names.map((text) => text.trim()).flatMap((name) => {
    if (fold(name) === "all") return all;
    const found = byFolded.get(fold(name));
    if (found !== undefined) return [found];
    const nearest: string = closestString(fold(name), [...byFolded.keys()]);
    const distance = levenshteinDistance(fold(name), nearest);
    const isNear = name !== "" && distance <= Math.max(1, Math.floor(nearest.length / 2));
    throw new InputRangeError(
      `Cannot ask for the class "${show(name)}"${
        file ? ` of "${file}"` : ""
      }: expected all or some of ` +
        show(known.join(", "), 400) +
        (isNear ? `; did you mean "${show(byFolded.get(nearest))}"?` : ""),
    );
  });
  return [...new Set(chosen)];
}

/**
 * Makes a row of every image and class. A class that the dataset does not name for an image has
 * nothing to find there.
 *
 * @param file Path of the dataset, for messages.
 * @param rows Rows of the classes that each image has. A row without a class stands for its image;
 * with a fault it spoils the classes that the image seems to lack.
 * @param known Classes of the dataset; by default those of the rows.
 * @param detection The choice of classes, and their phrase.
 * @returns The rows, and the names of the chosen classes.
 * @throws {RangeError} If a class is unknown, the template has no place for it, or there are too many
 * pairs of image and class.
 */
export function askEveryClass(
  file: string,
  rows: readonly SplitRow[],
  known: readonly string[] | undefined,
  { classes, template }: Detection,
): { readonly rows: SplitRow[]; readonly classes: readonly string[] } {
  const named = known ?? [...new Set(rows.flatMap(({ category }) => category || []))].sort();
  const chosen = chooseClasses(classes, named, named, file);
  const phrases = chosen.map((name) => fillTemplate(template, name));
  const groups = new Map(rows.flatMap(({ category, group }) => group ? [[category, group]] : []));
  const images = Map.groupBy(rows, ({ image }) => image);
  const count = images.size * chosen.length;
  if (count > MOST_QUESTIONS) {
    throw new InputRangeError(
      `Cannot ask the ${images.size} images of "${file}" for ${chosen.length} classes: expected at most ` +
        `${MOST_QUESTIONS} questions, which are ${count}; name some of the classes`,
    );
  }
  const asked = [...images.values()].flatMap((own) => {
    const [first] = own as [SplitRow];
    const byClass = Map.groupBy(own, ({ category }) => category);
    const fault = own.find(({ category, fault }) => !category && fault)?.fault;
    const { stem, image, size, split, splitFault, patient, notes } = first;
    const common = {
      ...{ stem, image },
      ...given({ size, split, splitFault, patient, notes }),
    };
    return chosen.flatMap((category, i): SplitRow[] => {
      const phrase = phrases[i]!;
      const found = byClass.get(category) ?? [];
      // Rows without a place add nothing to rows with a place.
      const placed = found.filter(({ box, mask, fault }) => box || mask || fault);
      const present = placed.length > 0 ? placed : found.slice(0, 1);
      if (present.length > 0) {
        return present.map(({ words: _words, wording: _wording, ...row }) => ({
          ...row,
          ...{ phrase, isPresent: true },
        }));
      }
      const group = groups.get(category);
      return [{
        ...common,
        where: `${first.where}, class ${i + 1}`,
        ...{ phrase, category, isNegative: true },
        ...(group && { group }),
        ...(fault && { fault }),
      }];
    });
  });
  return { rows: asked, classes: chosen };
}
