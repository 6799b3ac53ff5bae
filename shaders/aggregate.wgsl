// Attention maps of one step into running sums: each map is averaged over the
// phrase's tokens, scaled to 0..1 over space, and added. One workgroup a map.

// Positions of a map.
override POSITIONS: u32;
// Tokens of a map: the length of its last axis.
override TOKENS: u32;
// Maps of one phrase, for `average`.
override LAYERS: u32 = 1;
// Share of one layer in the heatmap, for `average`.
override SHARE: f32 = 1.0;

struct State {
  // Maps added so far.
  count: u32,
  // How many of them were the same everywhere.
  constant_maps: u32,
  // How many held NaN or an infinity.
  broken_maps: u32,
  // Unused; keeps the struct at four words.
  unused: u32,
}

// Softmax maps, [maps, POSITIONS, TOKENS].
@group(0) @binding(0) var<storage, read> maps: array<f32>;
// First token that counts and one past the last, [maps].
@group(0) @binding(1) var<storage, read> ranges: array<vec2u>;
// Running sum and what its rounding lost, [maps, POSITIONS].
@group(0) @binding(2) var<storage, read_write> sums: array<vec2f>;
// One a map.
@group(0) @binding(3) var<storage, read_write> states: array<State>;
// Where in ranges, sums and states the first of the maps belongs.
@group(0) @binding(5) var<storage, read> first_slot: u32;

const THREADS = 256u;

var<workgroup> lowest: array<f32, THREADS>;
var<workgroup> highest: array<f32, THREADS>;
var<workgroup> broken: array<u32, THREADS>;

// Sum over the tokens that count; the mean's divisor cancels in the scaling.
fn token_sum(map: u32, position: u32) -> f32 {
  let row = (map * POSITIONS + position) * TOKENS;
  let range = ranges[first_slot + map];
  var total = 0.0;
  for (var token = range.x; token < range.y; token++) {
    total += maps[row + token];
  }
  return total;
}

@compute @workgroup_size(THREADS)
fn add(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let map = workgroup.x;
  let slot = first_slot + map;
  var low = 0x1.fffffep+127f;
  var high = -0x1.fffffep+127f;
  var bad = 0u;
  for (var position = thread; position < POSITIONS; position += THREADS) {
    let total = token_sum(map, position);
    // By its bits, since compilers may assume that there is no NaN.
    if ((bitcast<u32>(total) & 0x7f800000u) == 0x7f800000u) {
      bad = 1u;
    }
    low = min(low, total);
    high = max(high, total);
  }
  lowest[thread] = low;
  highest[thread] = high;
  broken[thread] = bad;
  workgroupBarrier();
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    if (thread < half) {
      lowest[thread] = min(lowest[thread], lowest[thread + half]);
      highest[thread] = max(highest[thread], highest[thread + half]);
      broken[thread] |= broken[thread + half];
    }
    workgroupBarrier();
  }
  let minimum = lowest[0];
  let extent = highest[0] - minimum;
  let is_broken = broken[0] != 0u;
  if (thread == 0u) {
    states[slot].count += 1u;
    if (is_broken) {
      states[slot].broken_maps += 1u;
    } else if (extent <= 0.0) {
      states[slot].constant_maps += 1u;
    }
  }
  if (is_broken || extent <= 0.0) {
    return;
  }
  for (var position = thread; position < POSITIONS; position += THREADS) {
    let value = (token_sum(map, position) - minimum) / extent;
    // Kahan's sum: hundreds of steps leave float32's rounding behind.
    let place = slot * POSITIONS + position;
    let sum = sums[place];
    let corrected = value - sum.y;
    let next = sum.x + corrected;
    sums[place] = vec2f(next, (next - sum.x) - corrected);
  }
}

// The layers' means times their share, [phrases, POSITIONS].
@group(0) @binding(4) var<storage, read_write> means: array<f32>;

@compute @workgroup_size(64)
fn average(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= POSITIONS) {
    return;
  }
  var total = 0.0;
  for (var layer = 0u; layer < LAYERS; layer++) {
    let map = id.y * LAYERS + layer;
    let sum = sums[map * POSITIONS + id.x];
    total += (sum.x - sum.y) / f32(states[map].count);
  }
  means[id.y * POSITIONS + id.x] = total * SHARE;
}
