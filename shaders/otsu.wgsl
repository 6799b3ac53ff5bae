// Scaling to 0..1, Otsu's threshold over 256 bins, and the mask, for a batch of
// maps of one size. Each map has one state.

// Number of pixels in a map.
override PIXELS: u32;
// Differences up to this share of a map's largest absolute value count as rounding.
override ROUNDING: f32 = 0.0;
// Whether `normalise` scaled the maps, so that their range is known.
override SCALED: bool = false;

const THREADS = 256u;
const BINS = 256u;
// Number of pixels that one workgroup handles.
const CHUNK = 4096u;

// The initial state is all 0, so that clearing the buffer prepares it.
struct State {
  // Highest value as an ordered word, and the complement of the lowest value's word.
  highest: atomic<u32>,
  lowest: atomic<u32>,
  // Whether a value is NaN or infinite.
  is_broken: atomic<u32>,
  // Whether all values are the same up to rounding.
  is_constant: atomic<u32>,
  threshold: f32,
}

// Source maps, [maps, PIXELS].
@group(0) @binding(0) var<storage, read> source: array<f32>;
// Result maps in the same shape.
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
// One state for each map.
@group(0) @binding(2) var<storage, read_write> states: array<State>;
// Number of values in each bin, [maps, BINS].
@group(0) @binding(3) var<storage, read_write> counts: array<atomic<u32>>;

// Lowest and highest value of a map.
fn range_of(map: u32) -> vec2f {
  if (SCALED) {
    return vec2f(0.0, 1.0 - f32(atomicLoad(&states[map].is_constant)));
  }
  return vec2f(
    from_ordered(~atomicLoad(&states[map].lowest)),
    from_ordered(atomicLoad(&states[map].highest)),
  );
}

var<workgroup> group_highest: atomic<u32>;
var<workgroup> group_lowest: atomic<u32>;
var<workgroup> group_broken: atomic<u32>;

@compute @workgroup_size(THREADS)
fn reduce_range(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let map = workgroup.y;
  var highest = 0u;
  var lowest = 0u;
  var is_broken = 0u;
  let end = min((workgroup.x + 1u) * CHUNK, PIXELS);
  for (var i = workgroup.x * CHUNK + thread; i < end; i += THREADS) {
    let value = source[map * PIXELS + i];
    // Test the bits, since compilers may assume that there is no NaN.
    if ((bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u) {
      is_broken = 1u;
    }
    let word = ordered(value);
    highest = max(highest, word);
    lowest = max(lowest, ~word);
  }
  atomicMax(&group_highest, highest);
  atomicMax(&group_lowest, lowest);
  atomicMax(&group_broken, is_broken);
  workgroupBarrier();
  if (thread == 0u) {
    atomicMax(&states[map].highest, atomicLoad(&group_highest));
    atomicMax(&states[map].lowest, atomicLoad(&group_lowest));
    atomicMax(&states[map].is_broken, atomicLoad(&group_broken));
  }
}

// Lower edge of a bin, as NumPy's linspace rounds it.
fn edge(bin: u32, range: vec2f) -> f32 {
  if (bin == BINS) {
    return range.y;
  }
  return f32(bin) * ((range.y - range.x) / f32(BINS)) + range.x;
}

var<workgroup> group_counts: array<atomic<u32>, BINS>;

fn add_counts(map: u32, bin: u32) {
  let count = atomicLoad(&group_counts[bin]);
  if (count > 0u) {
    atomicAdd(&counts[map * BINS + bin], count);
  }
}

// Scales a map to 0..1 over its own range; a constant map becomes all 0. Also counts the values in
// each bin. The bins' edges are multiples of 1/256, which float32 holds exactly, so no value lands
// in a wrong bin.
@compute @workgroup_size(THREADS)
fn normalise(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let map = workgroup.y;
  let range = range_of(map);
  let extent = range.y - range.x;
  let is_constant = extent < SMALLEST || extent <= ROUNDING * max(abs(range.x), abs(range.y));
  if (workgroup.x == 0u && thread == 0u) {
    atomicStore(&states[map].is_constant, u32(is_constant));
  }
  let end = min((workgroup.x + 1u) * CHUNK, PIXELS);
  for (var i = workgroup.x * CHUNK + thread; i < end; i += THREADS) {
    let value = source[map * PIXELS + i];
    // A division may be off by some units in the last place, but the highest value must become 1.
    var share = select((value - range.x) / extent, 1.0, value == range.y);
    share = select(min(share, 1.0), 0.0, is_constant);
    result[map * PIXELS + i] = share;
    atomicAdd(&group_counts[min(u32(share * f32(BINS)), BINS - 1u)], 1u);
  }
  workgroupBarrier();
  add_counts(map, thread);
}

@compute @workgroup_size(THREADS)
fn count_bins(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let map = workgroup.y;
  let range = range_of(map);
  let extent = range.y - range.x;
  let end = min((workgroup.x + 1u) * CHUNK, PIXELS);
  for (var i = workgroup.x * CHUNK + thread; i < end; i += THREADS) {
    let value = source[map * PIXELS + i];
    let share = select((value - range.x) / extent, 0.0, extent < SMALLEST);
    var bin = min(u32(max(share, 0.0) * f32(BINS)), BINS - 1u);
    // The division may be one bin off for a value next to an edge.
    if (bin > 0u && value < edge(bin, range)) {
      bin -= 1u;
    } else if (bin < BINS - 1u && value >= edge(bin + 1u, range)) {
      bin += 1u;
    }
    atomicAdd(&group_counts[bin], 1u);
  }
  workgroupBarrier();
  add_counts(map, thread);
}

// Running share of the values, and running share times bin number.
var<workgroup> zeroth: array<f32, BINS>;
var<workgroup> first: array<f32, BINS>;
// Number of bins that hold values, and the first of these bins.
var<workgroup> filled: u32;
var<workgroup> first_filled: u32;
// Variance between the classes, by the last bin of the lower class.
var<workgroup> variances: array<f32, BINS>;

// Adds in float32 from the first bin to the last, as scikit-image does. The first bin adds its
// share, not 0, to the first moment.
fn take_moments(map: u32) {
  filled = 0u;
  var total = vec2f();
  for (var bin = 0u; bin < BINS; bin++) {
    let share = f32(atomicLoad(&counts[map * BINS + bin])) / f32(PIXELS);
    if (share > 0.0) {
      if (filled == 0u) {
        first_filled = bin;
      }
      filled += 1u;
    }
    total += vec2f(share, select(f32(bin) * share, share, bin == 0u));
    zeroth[bin] = total.x;
    first[bin] = total.y;
  }
}

// One class's part of the variance between classes. The class has the bins after `before` up to
// `last`; a `before` of -1 includes the first bin. A class of only the first bin contributes 0.
fn spread(before: i32, last: u32) -> f32 {
  if (before < 0 && last == 0u) {
    return 0.0;
  }
  var moments = vec2f(zeroth[last], first[last]);
  if (before >= 0) {
    moments -= vec2f(zeroth[before], first[before]);
  }
  return select(0.0, moments.y * moments.y / moments.x, moments.x > 0.0);
}

fn centre(map: u32, bin: u32) -> f32 {
  let range = range_of(map);
  if (range.x == range.y) {
    return range.x;
  }
  return (edge(bin, range) + edge(bin + 1u, range)) / 2.0;
}

// The first bin with the greatest variance.
fn best_bin() -> u32 {
  var best = 0u;
  var greatest = 0.0;
  for (var bin = 0u; bin < BINS - 1u; bin++) {
    if (variances[bin] > greatest) {
      greatest = variances[bin];
      best = bin;
    }
  }
  return best;
}

@compute @workgroup_size(BINS)
fn split(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) bin: u32,
) {
  let map = workgroup.x;
  if (bin == 0u) {
    take_moments(map);
  }
  workgroupBarrier();
  if (bin < BINS - 1u) {
    variances[bin] = spread(-1, bin) + spread(i32(bin), BINS - 1u);
  }
  workgroupBarrier();
  if (bin == 0u) {
    let last = select(best_bin(), first_filled, filled <= 2u);
    states[map].threshold = centre(map, last);
  }
}

// Sets values up to the threshold to 0.
@compute @workgroup_size(THREADS)
fn apply_mask(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let map = workgroup.y;
  let threshold = states[map].threshold;
  let end = min((workgroup.x + 1u) * CHUNK, PIXELS);
  for (var i = workgroup.x * CHUNK + thread; i < end; i += THREADS) {
    let value = source[map * PIXELS + i];
    result[map * PIXELS + i] = select(0.0, value, value > threshold);
  }
}
