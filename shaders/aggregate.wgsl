// Adds attention maps to running sums: each map is averaged over the phrase's tokens, scaled to
// 0..1 over space, and added. Each sum has one workgroup, which handles the maps of several steps
// one after another.

// Number of positions in a map.
override POSITIONS: u32;
// Number of tokens in a map: the length of its last axis.
override TOKENS: u32;
// Number of steps whose maps come in one call, for `add`.
override STEPS: u32 = 1;
// Number of maps of one phrase, for `average`.
override LAYERS: u32 = 1;
// Share of one layer in the heatmap, for `average`.
override SHARE: f32 = 1.0;

struct State {
  // Number of maps added so far.
  count: u32,
  // Number of these maps that had the same value everywhere.
  constant_maps: u32,
  // Number of these maps that held NaN or an infinity.
  broken_maps: u32,
  // Unused; keeps the struct at four words.
  unused: u32,
}

// Softmax maps, [STEPS, maps, POSITIONS, TOKENS].
@group(0) @binding(0) var<storage, read> maps: array<f32>;
// First token that counts and one past the last, [maps].
@group(0) @binding(1) var<storage, read> ranges: array<vec2u>;
// Running sums, [maps, POSITIONS].
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
// One state for each map.
@group(0) @binding(3) var<storage, read_write> states: array<State>;
// Index of the first map in ranges, sums and states.
@group(0) @binding(5) var<storage, read> first_slot: u32;

const THREADS = 64u;
// Number of positions that a workgroup handles at a time, four for each thread.
const STRETCH = 4u * THREADS;

// Lowest value (complemented) and highest value of a map, as words in the order of the floats. Also
// whether a value is NaN or infinite. Steps use the three entries in turn, so that one barrier for
// each step is enough.
var<workgroup> lowest: array<atomic<u32>, 3>;
var<workgroup> highest: array<atomic<u32>, 3>;
var<workgroup> broken: array<atomic<u32>, 3>;

// Sums over the tokens that count, minus the sum at the first position. If a map is nearly the same
// everywhere, rounding thus stays small beside the differences. The scaling cancels the
// subtraction, like the divisor of the mean.
fn token_sums(map: u32, range: vec2u, positions: vec4u) -> vec4f {
  let origin = map * POSITIONS * TOKENS;
  // Positions past the map's end repeat its last position, which leaves the range unchanged.
  let rows = origin + min(positions, vec4u(POSITIONS - 1u)) * TOKENS;
  var totals = vec4f();
  for (var token = range.x; token < range.y; token++) {
    let values = vec4f(
      maps[rows.x + token],
      maps[rows.y + token],
      maps[rows.z + token],
      maps[rows.w + token],
    );
    totals += values - maps[origin + token];
  }
  return totals;
}

@compute @workgroup_size(THREADS)
fn add(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let slot = first_slot + workgroup.x;
  let range = ranges[slot];
  // Positions of this thread within each stretch of the map.
  let places = vec4u(0u, THREADS, 2u * THREADS, 3u * THREADS) + thread;
  for (var step = 0u; step < STEPS; step++) {
    let map = step * workgroups.x + workgroup.x;
    var low = vec4f(0x1.fffffep+127f);
    var high = -low;
    var bad = false;
    var totals: vec4f;
    for (var first = 0u; first < POSITIONS; first += STRETCH) {
      totals = token_sums(map, range, places + first);
      // Test the bits, since compilers may assume that there is no NaN.
      let exponents = bitcast<vec4u>(totals) & vec4u(0x7f800000u);
      bad = bad || any(exponents == vec4u(0x7f800000u));
      low = min(low, totals);
      high = max(high, totals);
    }
    let turn = step % 3u;
    atomicMax(&lowest[turn], ~ordered(min(min(low.x, low.y), min(low.z, low.w))));
    atomicMax(&highest[turn], ordered(max(max(high.x, high.y), max(high.z, high.w))));
    atomicMax(&broken[turn], u32(bad));
    workgroupBarrier();
    let minimum = from_ordered(~atomicLoad(&lowest[turn]));
    let extent = from_ordered(atomicLoad(&highest[turn])) - minimum;
    let is_broken = atomicLoad(&broken[turn]) != 0u;
    if (thread == 0u) {
      // All threads are past the previous step, and none uses this entry before the next barrier.
      let past = (step + 2u) % 3u;
      atomicStore(&lowest[past], 0u);
      atomicStore(&highest[past], 0u);
      atomicStore(&broken[past], 0u);
      states[slot].count += 1u;
      if (is_broken) {
        states[slot].broken_maps += 1u;
      } else if (extent < SMALLEST) {
        states[slot].constant_maps += 1u;
      }
    }
    if (!is_broken && extent >= SMALLEST) {
      for (var first = 0u; first < POSITIONS; first += STRETCH) {
        let positions = places + first;
        // For a map of one stretch, the usual case, `totals` still holds the sums.
        if (POSITIONS > STRETCH) {
          totals = token_sums(map, range, positions);
        }
        let shares = (totals - minimum) / extent;
        for (var i = 0u; i < 4u; i++) {
          if (positions[i] < POSITIONS) {
            sums[slot * POSITIONS + positions[i]] += shares[i];
          }
        }
      }
    }
  }
}

// Sum of the layers' means times their share, [phrases, POSITIONS].
@group(0) @binding(4) var<storage, read_write> means: array<f32>;

@compute @workgroup_size(64)
fn average(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= POSITIONS) {
    return;
  }
  var total = 0.0;
  for (var layer = 0u; layer < LAYERS; layer++) {
    let map = id.y * LAYERS + layer;
    total += sums[map * POSITIONS + id.x] / f32(states[map].count);
  }
  means[id.y * POSITIONS + id.x] = total * SHARE;
}
