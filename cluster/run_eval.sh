#!/bin/bash
# For the scripts of a cluster to source.

# Runs `deno task eval` with the arguments given, the first being the root of
# the project. Hands SIGTERM on to it, which lets it finish the sample in hand.
# Results that are complete count as success, also where samples failed.
run_eval() {
  local root=$1 child code
  shift
  "${DENO:-deno}" task --quiet --config "$root/deno.json" eval "$@" &
  child=$!
  trap 'kill -TERM "$child" 2>/dev/null' TERM
  wait "$child"
  # A signal ends the waiting, not the run; waiting again gives the run's own code.
  while kill -0 "$child" 2>/dev/null; do wait "$child"; done
  wait "$child"
  code=$?
  trap - TERM
  if [ "$code" = 3 ]; then
    echo "Done, but some samples failed: exit code 3 of eval, see summary.json."
    code=0
  fi
  return "$code"
}
