#!/usr/bin/env bash
# Renews deploy/requirements.lock from the groups in pyproject.toml (`make lock`).
# Local labels (+cpu) and what only CUDA builds bring are left out, so that the lock fits any machine.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
pip="$folder/venv/bin/python -m pip --disable-pip-version-check"
$pip install -q pip==25.3 setuptools==80.9.0
echo "lock: resolving the groups app and dev" >&2
$pip install -q --group app --group dev
{
    echo "# Made by \`make lock\` from pyproject.toml's groups app and dev; do not edit."
    $pip freeze --exclude pip --exclude setuptools --exclude wheel |
        sed -E 's/\+[a-z0-9.]+$//' | grep -viE '^(nvidia-|cuda-|triton)' | sort -f
} >"$folder/lock"
mv "$folder/lock" deploy/requirements.lock
echo "lock: $(grep -c == deploy/requirements.lock) packages" >&2
