/**
 * Grey that is stored as colour.
 *
 * @module
 */

/** How the three values of a pixel are stored. */
export interface ChannelFormat {
  /** Width times height. */
  readonly pixels: number;
  /** Bits of a value. */
  readonly bits: number;
  /**
   * Whether the values of a pixel stand side by side, or those of a channel, or two of brightness
   * before the two of colour that they share.
   */
  readonly layout: "pixels" | "planes" | "pairs";
  /**
   * Whether values are red, green and blue, or brightness and two of colour; a compressed frame
   * may say either, whatever the file says.
   */
  readonly meaning: "RGB" | "YBR" | "either";
}

/**
 * The grey of pixels without colour.
 *
 * @param values Three values a pixel, or four of two pixels.
 * @param format How they are stored.
 * @returns `undefined` if any pixel has a colour: other values of red, green and blue, or values
 * of colour that are more than a rounding away from the middle.
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
