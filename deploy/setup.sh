#!/usr/bin/env bash
# Makes the environment in .venv/ from deploy/requirements.lock, on Python 3.11 with pyradiomics built from its source.
# Safe to run again: what is there already stays. Needs Python 3.11 or newer and pip; 3.11 needs a C compiler too.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-$(command -v python3.11 || command -v python3 || true)}
[ -n "$python" ] || { echo "setup: no python3 found; wanted Python 3.11 or newer (or set PYTHON=...)" >&2; exit 1; }
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: $python is Python $version; wanted 3.11 or newer (set PYTHON=...)" >&2; exit 1; }
[ "$version" != 3.11 ] || command -v "${CC:-cc}" >/dev/null || {
    echo "setup: no C compiler found; wanted cc (Debian: apt-get install gcc)" >&2; exit 1; }

# One line for each package as pip comes to it, with a count.
count() {
    awk -v total="$1" '
        /^ *(Collecting|Processing|Requirement already satisfied:)/ {
            n++; name = ($1 == "Requirement") ? $4 : $2; sub(/.*\//, "", name)
            if (n <= total) printf "  [%d/%d] %s\n", n, total, name; fflush() }
        /^ *(Installing collected packages|Building wheel)/ { print "  " substr($0, 1, 100) "..."; fflush() }
        /^ERROR|^error/ { print; fflush() }'
}

echo "setup 1/5: environment in .venv (Python $version)"
[ -x .venv/bin/python ] || "$python" -m venv .venv
pip=".venv/bin/python -m pip --disable-pip-version-check"
$pip install -q pip==25.3 setuptools==80.9.0 wheel==0.45.1

lock=deploy/requirements.lock
if command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then
    echo "  a GPU was found: xgboost in its CUDA build"
    mkdir -p build && sed 's/^xgboost-cpu==/xgboost==/' "$lock" >build/requirements.cuda.lock
    lock=build/requirements.cuda.lock
fi
total=$(grep -c '==' "$lock")
echo "setup 2/5: $total packages, pinned in deploy/requirements.lock (some minutes the first time)"
$pip install --no-deps -r "$lock" | count "$total"
# torch's own needs differ between its CPU and CUDA builds, so pip finds them.
$pip install "torch==$(sed -n 's/^torch==//p' "$lock")" | count 1 >/dev/null

echo "setup 3/5: pyradiomics 3.0.1 from its source archive"
.venv/bin/python -m features.samples
if [ "$version" != 3.11 ]; then
    echo "  left out: pyradiomics does not build on Python $version. Nothing but --engine pyradiomics and its tests needs it."
elif ! .venv/bin/python -c 'import radiomics' 2>/dev/null; then
    $pip install -q --no-deps --no-build-isolation .cache/pyradiomics-3.0.1.tar.gz
fi

echo "setup 4/5: the radresponse command"
$pip install -q --no-deps --no-build-isolation --editable .
$pip check >/dev/null || $pip check
echo "setup 5/5: kernels of the radiomics engine"
.venv/bin/python -m features compile
touch .venv/.ready
echo "setup: done"
