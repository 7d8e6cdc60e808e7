# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by ./run and ./test: a second build takes what the first one compiled, in any checkout.

# The compiler cache is a help, not a condition. Paths below the checkout count as relative, so that two checkouts
# of the same source share what was compiled.
use_compiler_cache() {
  command -v ccache >/dev/null || return 0
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
}
