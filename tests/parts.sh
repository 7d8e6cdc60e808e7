# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by ./test: the parts that it consists of, in a row or beside the row, and how long each took.

reports=build/reports

step() { printf '\n== %s\n' "$*"; }

# A part that could not even run its tests counts as one failure.
give_up() {
  echo "test: $*" >&2
  echo "$*" >>"$reports/broken"
}

# part NAME COMMAND...: exits as the command does. Its time is among those at the end.
part() {
  local name=$1 start=$SECONDS code=0
  step "$name"
  "${@:2}" || code=$?
  printf '%d\t%s\n' $((SECONDS - start)) "$name" >>"$reports/times"
  return "$code"
}

# beside NAME COMMAND...: parts for processors that have nothing else to do, one COMMAND after the other. What it
# prints is in a file until `show_finished` finds that it has ended, or `await NAME` waits for that.
beside_names=()
declare -A beside_process=() beside_code=()
beside() {
  local name=$1 previous=
  [[ ${#beside_names[@]} -eq 0 ]] || previous=${beside_process[${beside_names[-1]}]}
  # In a process group of its own, so that `stop_beside` reaches all that the command starts.
  set -m
  {
    renice -n 19 $BASHPID >/dev/null
    [[ -z $previous ]] || tail --pid="$previous" -f /dev/null
    "${@:2}"
  } </dev/null >"$reports/$name.log" 2>&1 &
  set +m
  beside_process[$name]=$!
  beside_names+=("$name")
}

# Shows what COMMAND prints until it has ended, once, and exits as it did.
await() {
  if [[ -z ${beside_code[$1]-} ]]; then
    tail --pid="${beside_process[$1]}" -n +1 -f "$reports/$1.log"
    beside_code[$1]=0
    wait "${beside_process[$1]}" || beside_code[$1]=$?
  fi
  return "${beside_code[$1]}"
}

await_all() {
  local name
  for name in "${beside_names[@]}"; do await "$name" || true; done
}

show_finished() {
  local name
  for name in "${beside_names[@]}"; do
    kill -0 "${beside_process[$name]}" 2>/dev/null || await "$name" || true
  done
}

stop_beside() {
  local name
  for name in "${beside_names[@]}"; do
    [[ -n ${beside_code[$name]-} ]] || kill -- "-${beside_process[$name]}" || true
  done 2>/dev/null
}

print_times() {
  local seconds name
  { cat "$reports/times"; printf '%d\tin all\n' "$SECONDS"; } |
    while IFS=$'\t' read -r seconds name; do
      printf '%5d:%02d  %s\n' $((seconds / 60)) $((seconds % 60)) "$name"
    done
}
