// Smooths one axis with a separable Gaussian and reflected borders. A workgroup smooths LANES lines
// over TILE pixels. It first loads these pixels with a halo of RADIUS.

// Size of a map: pixels from left to right, and from top to bottom.
override WIDTH: u32;
override HEIGHT: u32;
// Whether lines run from left to right.
override HORIZONTAL: bool;
// Number of weights on each side of the centre.
override RADIUS: u32;

const LANES = 8u;
const TILE = 128u;
const THREADS = 256u;
override SPAN: u32 = TILE + 2u * RADIUS;

// Source maps, [maps, HEIGHT, WIDTH].
@group(0) @binding(0) var<storage, read> source: array<f32>;
// Result maps in the same shape.
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
// Weight of the centre, then the weights at distance 1..RADIUS.
@group(0) @binding(2) var<storage, read> weights: array<f32>;

// [LANES, SPAN], with the halo already reflected.
var<workgroup> tile: array<f32, LANES * SPAN>;

// Reflects a position into the axis: d c b a | a b c d | d c b a, repeated as needed.
fn reflected(position: i32, length: i32) -> i32 {
  let period = 2 * length;
  let offset = ((position % period) + period) % period;
  return select(period - 1 - offset, offset, offset < length);
}

// Index of a pixel in the buffer, by its line and its place along the line.
fn index_of(map: u32, line: u32, along: u32) -> u32 {
  let inside = select(along * WIDTH + line, line * WIDTH + along, HORIZONTAL);
  return map * WIDTH * HEIGHT + inside;
}

@compute @workgroup_size(THREADS)
fn smooth_axis(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let length = select(HEIGHT, WIDTH, HORIZONTAL);
  let lines = select(WIDTH, HEIGHT, HORIZONTAL);
  let first = workgroup.x * TILE;
  let first_line = workgroup.y * LANES;
  for (var i = thread; i < LANES * SPAN; i += THREADS) {
    // Neighbouring threads read neighbouring memory on either axis.
    let lane = select(i % LANES, i / SPAN, HORIZONTAL);
    let offset = select(i / LANES, i % SPAN, HORIZONTAL);
    let line = min(first_line + lane, lines - 1u);
    let along = reflected(i32(first + offset) - i32(RADIUS), i32(length));
    tile[lane * SPAN + offset] = source[index_of(workgroup.z, line, u32(along))];
  }
  workgroupBarrier();
  for (var i = thread; i < LANES * TILE; i += THREADS) {
    let lane = select(i % LANES, i / TILE, HORIZONTAL);
    let offset = select(i / LANES, i % TILE, HORIZONTAL);
    let along = first + offset;
    let line = first_line + lane;
    if (along < length && line < lines) {
      let centre = lane * SPAN + offset + RADIUS;
      // Add the smallest weights first, which loses the least precision.
      var total = 0.0;
      for (var distance = RADIUS; distance > 0u; distance--) {
        total += (tile[centre - distance] + tile[centre + distance]) * weights[distance];
      }
      result[index_of(workgroup.z, line, along)] = total + tile[centre] * weights[0];
    }
  }
}
