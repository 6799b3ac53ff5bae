// Computes U A Uᵀ with one band matrix for each axis: resize and Gaussian as one operation.

// Number of columns and of rows of the source.
override FROM_WIDTH: u32;
override FROM_HEIGHT: u32;
// Number of columns and of rows of the result.
override TO_WIDTH: u32;
override TO_HEIGHT: u32;
// Number of values kept of each row of the band in use.
override BAND: u32;
// Whether `down` adds to the result instead of replacing it.
override ACCUMULATE: bool = false;

// `across`: [maps, FROM_HEIGHT, FROM_WIDTH]; `down`: [maps, FROM_HEIGHT, TO_WIDTH].
@group(0) @binding(0) var<storage, read> source: array<f32>;
// `across`: [maps, FROM_HEIGHT, TO_WIDTH]; `down`: [maps, TO_HEIGHT, TO_WIDTH].
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
// Source pixel of each result pixel's first weight.
@group(0) @binding(2) var<storage, read> starts: array<u32>;
// Values of the band, [result pixels, BAND].
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

// Each thread handles four columns, which share the row's weights.
@compute @workgroup_size(64)
fn down(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let y = workgroup.y;
  let columns = vec4u(0u, 64u, 128u, 192u) + (256u * workgroup.x + thread);
  // Columns past the row's end repeat its last column, and are not stored.
  let last = min(columns, vec4u(TO_WIDTH - 1u));
  let first = (workgroup.z * FROM_HEIGHT + starts[y]) * TO_WIDTH;
  var totals = vec4f();
  for (var k = 0u; k < BAND; k++) {
    let at = first + k * TO_WIDTH + last;
    let values = vec4f(source[at.x], source[at.y], source[at.z], source[at.w]);
    totals += values * weights[y * BAND + k];
  }
  let row = (workgroup.z * TO_HEIGHT + y) * TO_WIDTH;
  for (var i = 0u; i < 4u; i++) {
    if (columns[i] < TO_WIDTH) {
      if (ACCUMULATE) {
        totals[i] += result[row + columns[i]];
      }
      result[row + columns[i]] = totals[i];
    }
  }
}
