#!/bin/bash
# Starts Debian's Prometheus, which is of release 2: it does not look for its container's limit, and knows no flag for what
# Go's memory may take of it. Go's own variable says the same.
set -euo pipefail
arguments=()
for argument; do
  case "$argument" in
    --auto-gomemlimit.ratio=*)
      # Of either version of control groups; "max" where there is none.
      limit="$(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || true)"
      if [ -n "$limit" ] && [ "$limit" != max ]; then
        GOMEMLIMIT="$(awk "BEGIN {printf \"%.0f\", $limit * ${argument#*=}}")"
        export GOMEMLIMIT
      fi
      ;;
    *) arguments+=("$argument") ;;
  esac
done
exec prometheus "${arguments[@]}"
