/** Storage of the three values of a pixel. */
export interface ChannelFormat {
  /** Number of pixels: width times height. */
  readonly pixels: number;
  /** Bits per value. */
  readonly bits: number;
  /**
   * Order of the values. In `pixels`, the three values of a pixel stand side by side. In `planes`,
   * all values of a channel do. In `pairs`, two brightness values precede the two colour values
   * that both pixels share.
   */
  readonly layout: "pixels" | "planes" | "pairs";
  /**
   * Meaning of the values: red, green and blue, or one brightness and two colour values. A
   * compressed frame may hold either, whatever the file states.
   */
  readonly meaning: "RGB" | "YBR" | "either";
}

/**
 * Extracts the grey of pixels without colour.
 *
 * @param values Three values per pixel, or four values per two pixels in `pairs`.
 * @param format Storage of the values.
 * @returns `undefined` if any pixel has a colour: its red, green and blue differ, or a colour value
 * is off the middle. A colour value of grey may be off by 1, because of rounding.
 */
export function grayChannel<Values extends Uint8Array | Uint16Array>(
  values: Values,
  { pixels, bits, layout, meaning }: ChannelFormat,
): Values | undefined {
  const [step, next] = layout === "planes" ? [1, pixels] : [3, 1];
  const middle = 2 ** (bits - 1);
  const isMiddle = (value: number) => Math.abs(value - middle) <= 1;
  let [isRgb, isYbr] = [meaning !== "YBR", meaning !== "RGB"];
  const gray = values.slice(0, pixels) as Values;
  for (let i = 0; i < pixels; i++) {
    const isPair = layout === "pairs";
    const at = isPair ? 4 * (i >> 1) + (i & 1) : step * i;
    const color = isPair ? 4 * (i >> 1) + 2 : at + next;
    const [first, second, third] = [values[at]!, values[color]!, values[color + next]!];
    if (first !== second || first !== third) isRgb = false;
    if (!isMiddle(second) || !isMiddle(third)) isYbr = false;
    gray[i] = first;
  }
  return isRgb || isYbr ? gray : undefined;
}
