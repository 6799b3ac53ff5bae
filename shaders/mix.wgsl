// Computes a x + b y: a step of the noise schedule.

// Number of values in each operand.
override LENGTH: u32;

// The factors a and b.
@group(0) @binding(0) var<storage, read> factors: vec2f;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn mix_values(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
) {
  for (var i = id.x; i < LENGTH; i += 64u * workgroups.x) {
    result[i] = factors.x * x[i] + factors.y * y[i];
  }
}
