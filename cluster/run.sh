#!/bin/bash
# For the jobs of a cluster to source: the project's commands, as such a job runs them. ROOT is a
# clone, or the npm package, which starts its own Deno unless DENO names another.

# find_command ROOT: sets COMMAND to the words that start a command of ROOT.
find_command() {
  if [ -z "${DENO:-}" ] && [ -e "$1/groundray.js" ]; then
    COMMAND=(node "$1/groundray.js")
  else
    COMMAND=("${DENO:-deno}" task --quiet --config "$1/deno.json")
  fi
}

# run_eval ROOT [options]: runs eval and hands SIGTERM on to it, so that it finishes
# the sample in hand. Complete results count as success, also where samples failed; the log says
# so, and on Kubernetes the pod's status.
run_eval() {
  local root=$1 child code signalled=
  shift
  find_command "$root"
  "${COMMAND[@]}" eval "$@" &
  child=$!
  trap 'signalled=1; kill -TERM "$child" 2>/dev/null' TERM
  wait "$child"
  # A signal ends the waiting, not the run; waiting again gives the run's own code.
  while kill -0 "$child" 2>/dev/null; do wait "$child"; done
  wait "$child"
  code=$?
  trap - TERM
  # A native library may abort where the signal ends the process: this is an interruption too.
  if [ -n "$signalled" ] && [ "$code" -gt 128 ]; then code=143; fi
  if [ "$code" = 3 ]; then
    report "Done, but some samples failed: see summary.json."
    code=0
  fi
  return "$code"
}

# run_merge ROOT OUT SHARDS: puts OUT/shard-1 to OUT/shard-SHARDS together in OUT/merged.
run_merge() {
  local root=$1 out=$2 shards=$3 i
  local folders=()
  for ((i = 1; i <= shards; i++)); do folders+=("$out/shard-$i"); done
  find_command "$root"
  "${COMMAND[@]}" merge --out "$out/merged" --overwrite "${folders[@]}"
}

report() {
  echo "$1"
  if [ -w /dev/termination-log ]; then echo "$1" >/dev/termination-log; fi
}
