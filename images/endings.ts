/**
 * Endings of image files, in lower case and without the dot. If one image has several files, the
 * earliest ending wins.
 */
export const IMAGE_ENDINGS: readonly string[] = [
  "dicom",
  "dcm",
  "dic",
  "ima",
  "png",
  "jpg",
  "jpeg",
  "jpe",
  "jfif",
];

/** Position of a file name's ending in {@linkcode IMAGE_ENDINGS}; -1 for any other name. */
export function imageEnding(name: string): number {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? -1 : IMAGE_ENDINGS.indexOf(name.slice(dot + 1).toLowerCase());
}
