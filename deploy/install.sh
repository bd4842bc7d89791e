# Makes .venv and installs what is locked: sourced by deploy/up and deploy/check, which say which lock.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# The first Python >= 3.11 with venv that was built with optimizations, else the first; $PYTHON may name another.
# Those built from source are often without, and a worker on them costs 15 % more of its core.
find_python() {
  local candidate found first=
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python3.14 python /usr/bin/python3; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      found="$(command -v "$candidate")"
      if [ "$candidate" = "${PYTHON:-}" ] || is_optimized "$found"; then
        printf '%s\n' "$found"
        return
      fi
      first="${first:-$found}"
    fi
  done
  [ -n "$first" ] ||
    die "Python 3.11 or newer with venv is needed (Debian: apt-get install python3 python3-venv); PYTHON=/path/to/python names one."
  printf '%s\n' "$first"
}

# Distributions build with profile-guided optimization, whatever they say of it.
is_optimized() {
  "$1" -c '
import sys, sysconfig
said = sysconfig.get_config_var("CONFIG_ARGS") or ""
sys.exit(sys.base_prefix != "/usr" and "--enable-optimizations" not in said)'
}

# pip's settings hold for uv, too.
as_uv_settings() {
  local name value
  for name in INDEX_URL:UV_DEFAULT_INDEX EXTRA_INDEX_URL:UV_INDEX FIND_LINKS:UV_FIND_LINKS CERT:SSL_CERT_FILE \
    NO_INDEX:UV_NO_INDEX DEFAULT_TIMEOUT:UV_HTTP_TIMEOUT TRUSTED_HOST:UV_INSECURE_HOST; do
    value="PIP_${name%%:*}"
    if [ -n "${!value:-}" ] && { [ "$value" != PIP_FIND_LINKS ] || [ -e "${!value}" ]; }; then
      export "${name##*:}=${!value}"
    fi
  done
}

# What a finished install of a lock is known by; a moved folder or a new lock has another.
stamp_of() {
  printf '%s ' "$1" "$PWD"
  cat "deploy/requirements/$1.txt" pyproject.toml | cksum
}

# has LOCK…: whether .venv has what one of these pins, whatever folder it was made in.
has() {
  local lock have
  have="$(cat .venv/.installed 2>/dev/null || true)"
  for lock; do
    case "$have" in "$lock "*" $(cat "deploy/requirements/$lock.txt" pyproject.toml | cksum)") return 0 ;; esac
  done
  return 1
}

# install LOCK: .venv with what LOCK pins, and the project itself; at once when that was done before.
install() {
  local lock="deploy/requirements/$1.txt" venv=.venv have python output
  have="$(cat $venv/.installed 2>/dev/null || true)"
  if $venv/bin/python -m pip --version >/dev/null 2>&1; then
    # An environment for tests has everything that the stack needs.
    if [ "$have" = "$(stamp_of "$1")" ] || [ "$have" = "$(stamp_of dev)" ]; then
      return
    fi
  else
    python="$(find_python)" || exit 1
    "$python" -m venv --clear $venv || die "$python cannot make a virtual environment in $venv (see above)."
  fi
  say "Installing what $lock pins into $venv …"
  rm -f $venv/.installed
  as_uv_settings
  # Where Python may not write bytecode, each of a dozen processes would compile all it imports.
  if ! { pip_install --require-hashes -r deploy/requirements/uv.txt &&
    $venv/bin/uv pip install -q ${PYTHONDONTWRITEBYTECODE:+--compile-bytecode} --python $venv/bin/python \
      --require-hashes -r "$lock"; }; then
    say "uv cannot install here; going on with pip, which takes longer."
    pip_install --require-hashes -r "$lock" || die "The packages could not be installed (see above)."
  fi
  # setuptools has much to say, and none of it matters unless the installation fails.
  output="$(pip_install --no-deps --no-build-isolation --editable . 2>&1)" || die "$output"
  stamp_of "$1" >$venv/.installed
}

pip_install() {
  .venv/bin/python -m pip install -q --disable-pip-version-check "$@"
}
