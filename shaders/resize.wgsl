// Bilinear resizing with half-pixel centres, from any size to any size. The caller passes the
// source pixels and weights of each axis, so that they equal the numbers on the CPU.

// Whether `resize_map` adds to the result instead of replacing it.
override ACCUMULATE: bool = false;

// Sizes are in a buffer, not in overrides: each image of a set may have another size, and other
// overrides need another pipeline.
struct Sizes {
  // Number of columns of the source, and number of values in one source map.
  from_width: u32,
  from_length: u32,
  // Number of columns and of rows of the result.
  to_width: u32,
  to_height: u32,
}

struct Tap {
  // Source pixel at or before the sampling point.
  lower: u32,
  // Next source pixel, or the last one at the edge.
  upper: u32,
  // Share of `upper`, 0..1.
  weight: f32,
}

// Source maps, [maps, from_length].
@group(0) @binding(0) var<storage, read> source: array<f32>;
// One tap for each result column, [to_width].
@group(0) @binding(1) var<storage, read> columns: array<Tap>;
// One tap for each result row, [to_height].
@group(0) @binding(2) var<storage, read> rows: array<Tap>;
// Result maps, [maps, to_height, to_width].
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
// A grey image: each word holds four pixels of 0..255, lowest byte first.
@group(0) @binding(4) var<storage, read> pixels: array<u32>;
@group(0) @binding(5) var<storage, read> sizes: Sizes;

fn blend(above: vec2f, below: vec2f, column: Tap, row: Tap) -> f32 {
  let upper = (1.0 - column.weight) * above.x + column.weight * above.y;
  let lower = (1.0 - column.weight) * below.x + column.weight * below.y;
  return (1.0 - row.weight) * upper + row.weight * lower;
}

@compute @workgroup_size(16, 16)
fn resize_map(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= sizes.to_width || id.y >= sizes.to_height) {
    return;
  }
  let column = columns[id.x];
  let row = rows[id.y];
  let above = id.z * sizes.from_length + row.lower * sizes.from_width;
  let below = id.z * sizes.from_length + row.upper * sizes.from_width;
  var value = blend(
    vec2f(source[above + column.lower], source[above + column.upper]),
    vec2f(source[below + column.lower], source[below + column.upper]),
    column,
    row,
  );
  let index = (id.z * sizes.to_height + id.y) * sizes.to_width + id.x;
  if (ACCUMULATE) {
    value += result[index];
  }
  result[index] = value;
}

// A pixel as a share of 255.
fn pixel(index: u32) -> f32 {
  return f32((pixels[index / 4u] >> (8u * (index % 4u))) & 0xffu) / 255.0;
}

@compute @workgroup_size(16, 16)
fn resize_gray(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= sizes.to_width || id.y >= sizes.to_height) {
    return;
  }
  let column = columns[id.x];
  let row = rows[id.y];
  let above = row.lower * sizes.from_width;
  let below = row.upper * sizes.from_width;
  result[id.y * sizes.to_width + id.x] = blend(
    vec2f(pixel(above + column.lower), pixel(above + column.upper)),
    vec2f(pixel(below + column.lower), pixel(below + column.upper)),
    column,
    row,
  );
}
