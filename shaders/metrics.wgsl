// Computes the counts and sums behind the scores, over tiles of heatmaps. Each pixel of a tile
// stands for a known number of image pixels. Each tile has one workgroup. Workgroups form rows if
// one axis does not allow as many.

// Number of pixels in one heatmap, and number of its columns.
override PIXELS: u32;
override WIDTH: u32;

const THREADS = 64u;
const LEVELS = 10u;

// A rectangle of heatmap pixels that belong to one region of the image.
struct Tile {
  // Index of the heatmap.
  map: u32,
  // First column and row, and the numbers of columns and rows.
  column: u32,
  row: u32,
  columns: u32,
  rows: u32,
  // Index in `counts` of the first column's count, and of the first row's count.
  column_counts: u32,
  row_counts: u32,
  // Unused; keeps the struct at eight words.
  unused: u32,
}

struct Sums {
  // First value of the tile. The sums are relative to this value, which keeps the variance of a
  // constant tile at 0.
  shift: f32,
  // Sum of the differences from `shift`, and sum of their squares.
  total: f32,
  squares: f32,
  // Numbers of image pixels, by how many of the levels their values reach.
  reached: array<u32, LEVELS + 1u>,
}

// Heatmaps, [maps, PIXELS].
@group(0) @binding(0) var<storage, read> heatmaps: array<f32>;
@group(0) @binding(1) var<storage, read> tiles: array<Tile>;
// Number of image pixels that show each heatmap pixel of an axis.
@group(0) @binding(2) var<storage, read> counts: array<u32>;
// Lowest value of each level, ascending; the last two are padding that no value reaches.
@group(0) @binding(3) var<storage, read> levels: array<vec4f, 3>;
// One result for each tile.
@group(0) @binding(4) var<storage, read_write> results: array<Sums>;

var<workgroup> totals: array<vec2f, THREADS>;
var<workgroup> reached: array<atomic<u32>, LEVELS + 1u>;

@compute @workgroup_size(THREADS)
fn sum_tiles(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = workgroup.y * workgroups.x + workgroup.x;
  if (number >= arrayLength(&tiles)) {
    return;
  }
  let tile = tiles[number];
  let origin = tile.map * PIXELS + tile.row * WIDTH + tile.column;
  let shift = heatmaps[origin];
  var sums = vec2f();
  var own: array<u32, LEVELS + 1u>;
  let low = levels[0];
  let middle = levels[1];
  let high = levels[2];
  for (var y = 0u; y < tile.rows; y++) {
    let row_count = counts[tile.row_counts + y];
    let start = origin + y * WIDTH;
    for (var x = thread; x < tile.columns; x += THREADS) {
      let value = heatmaps[start + x];
      let count = counts[tile.column_counts + x] * row_count;
      let difference = value - shift;
      let weighted = f32(count) * difference;
      sums += vec2f(weighted, weighted * difference);
      let value4 = vec4f(value);
      let reaches = vec4u(value4 >= low) + vec4u(value4 >= middle) + vec4u(value4 >= high);
      own[reaches.x + reaches.y + reaches.z + reaches.w] += count;
    }
  }
  totals[thread] = sums;
  for (var level = 0u; level <= LEVELS; level++) {
    if (own[level] > 0u) {
      atomicAdd(&reached[level], own[level]);
    }
  }
  workgroupBarrier();
  if (thread == 0u) {
    var total = vec2f();
    for (var other = 0u; other < THREADS; other++) {
      total += totals[other];
    }
    results[number].shift = shift;
    results[number].total = total.x;
    results[number].squares = total.y;
  }
  if (thread <= LEVELS) {
    results[number].reached[thread] = atomicLoad(&reached[thread]);
  }
}
