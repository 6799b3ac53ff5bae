// U A Uᵀ: one band matrix an axis, for resize and Gaussian in one.

// Columns and rows of the source.
override FROM_WIDTH: u32;
override FROM_HEIGHT: u32;
// Columns and rows of the result.
override TO_WIDTH: u32;
override TO_HEIGHT: u32;
// Values kept of each row of the band in use.
override BAND: u32;
// Whether `down` adds to the result instead of replacing it.
override ACCUMULATE: bool = false;

// `across`: [maps, FROM_HEIGHT, FROM_WIDTH]; `down`: [maps, FROM_HEIGHT, TO_WIDTH].
@group(0) @binding(0) var<storage, read> source: array<f32>;
// `across`: [maps, FROM_HEIGHT, TO_WIDTH]; `down`: [maps, TO_HEIGHT, TO_WIDTH].
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
// Source pixel of each result pixel's first weight.
@group(0) @binding(2) var<storage, read> starts: array<u32>;
// [result pixels, BAND]
@group(0) @binding(3) var<storage, read> weights: array<f32>;

@compute @workgroup_size(256)
fn across(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= TO_WIDTH) {
    return;
  }
  let row = id.z * FROM_HEIGHT + id.y;
  let first = row * FROM_WIDTH + starts[id.x];
  var total = 0.0;
  for (var k = 0u; k < BAND; k++) {
    total += source[first + k] * weights[id.x * BAND + k];
  }
  result[row * TO_WIDTH + id.x] = total;
}

@compute @workgroup_size(256)
fn down(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= TO_WIDTH) {
    return;
  }
  let first = (id.z * FROM_HEIGHT + starts[id.y]) * TO_WIDTH + id.x;
  var total = 0.0;
  for (var k = 0u; k < BAND; k++) {
    total += source[first + k * TO_WIDTH] * weights[id.y * BAND + k];
  }
  let index = (id.z * TO_HEIGHT + id.y) * TO_WIDTH + id.x;
  if (ACCUMULATE) {
    total += result[index];
  }
  result[index] = total;
}
