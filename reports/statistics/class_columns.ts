import {
  AVERAGE,
  type ClassGroups,
  inClassOrder,
  meanColumn,
  withGroups,
} from "../tables/class_means.ts";
import { ALL } from "./scored_numbers.ts";

/** Columns of numbers by class: classes, means of groups, the average, and all samples together. */
export class ClassColumns {
  /** Names of the classes, in the order of tables. */
  readonly classes: readonly string[];
  /** Names of all columns. */
  readonly names: readonly string[];
  readonly #members: readonly (readonly number[])[];

  /**
   * @param categories Class of each sample.
   * @param groups Group of each class, if the dataset has groups.
   */
  constructor(categories: readonly string[], groups: ClassGroups) {
    this.classes = inClassOrder(categories);
    const places = [...this.classes.keys()];
    const { groups: found = [] } = withGroups(this.classes, groups, () => ({}));
    this.names = [...this.classes, ...found.map(({ group }) => meanColumn(group)), AVERAGE, ALL];
    this.#members = [
      ...places.map((place) => [place]),
      ...found.map(({ categories }) => categories.map((name) => this.classes.indexOf(name))),
      places,
      [places.length],
    ];
  }

  /** Place of a class. */
  placeOf(category: string): number {
    return this.classes.indexOf(category);
  }

  /** Returns true if the samples of a class count in a column. */
  isIn(category: string, column: string): boolean {
    const members = this.#members[this.names.indexOf(column)]!;
    return members[0] === this.classes.length || members.includes(this.placeOf(category));
  }

  /**
   * Numbers of each column, `[columns, width]`: unweighted means over its classes, without missing
   * values.
   *
   * @param rows Numbers of each class and then of all samples, `[classes + 1, width]`.
   */
  of(rows: Float64Array, width: number): Float64Array {
    const found = new Float64Array(this.names.length * width);
    this.#members.forEach((members, column) => {
      for (let k = 0; k < width; k++) {
        let [sum, count] = [0, 0];
        for (const row of members) {
          const value = rows[row * width + k]!;
          if (Number.isNaN(value)) continue;
          sum += value;
          count++;
        }
        found[column * width + k] = sum / count;
      }
    });
    return found;
  }
}
