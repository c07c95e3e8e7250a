# Shared by the scripts beside it; sourced, not run.
# shellcheck shell=bash

caller_dir=$PWD
# The root of the source tree; scripts run from here.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1

# Absolute, whatever the caller's directory was.
from_caller() { if [[ $1 == /* ]]; then echo "$1"; else echo "$caller_dir/$1"; fi; }

say() { printf '== %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$1" >&2
  shift
  if (($# > 0)); then printf '       %s\n' "$@" >&2; fi
  exit 1
}

# Prints the comment at the head of the calling script as its help text.
print_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$1"; }

# Compile jobs: one per core, but no more than memory allows (a file with LibTorch's headers takes about 1 GB).
compile_jobs() {
  local cores memory_kb
  cores=$(nproc 2>/dev/null || echo 2)
  memory_kb=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo 2>/dev/null || true)
  local by_memory=$((${memory_kb:-4000000} / 1200000))
  local count=$((by_memory < cores ? by_memory : cores))
  echo $((count < 1 ? 1 : count))
}

# Configures and builds a preset. configure_and_build PRESET [build arguments...]
configure_and_build() {
  local preset=$1
  shift
  say "configuring and building (preset $preset, $(compile_jobs) jobs)"
  cmake --preset "$preset" >&2
  cmake --build "build/$preset" --parallel "$(compile_jobs)" "$@" >&2
}

# Runs the tests of a preset; the last line is ctest's verdict, e.g. "100% tests passed, 0 tests failed out of 321".
# run_tests PRESET [ctest arguments...]
run_tests() {
  local preset=$1 log=build/$1/ctest.log status=0
  shift
  say "testing (preset $preset)"
  ctest --preset "$preset" --parallel "$(nproc)" --no-label-summary "$@" | tee "$log" || status=$?
  grep 'tests passed' "$log" | tail -n 1 || die "no test was run"
  return "$status"
}
