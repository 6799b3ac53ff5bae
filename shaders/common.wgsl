// Declarations that several kernels share. WGSL has no imports, so each TypeScript wrapper puts
// this text before its own.

// Smallest normal number. Devices may treat a smaller number as 0, and a division by it may give
// any value.
const SMALLEST = 0x1p-126f;

// Maps floats to words in the same order.
fn ordered(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn from_ordered(word: u32) -> f32 {
  return bitcast<f32>(select(~word, word & 0x7fffffffu, word >= 0x80000000u));
}
