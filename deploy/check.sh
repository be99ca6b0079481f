#!/usr/bin/env bash
# The gates that need no test run (`make check`).
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
gate() { echo "check: $1"; shift; "$@"; }
gate "ruff" ruff check .
gate "ruff format" ruff format --check .
gate "mypy, strict" mypy
gate "imports run down only" lint-imports --no-cache
gate "the contract" bash proto/lint.sh
gate "stubs are fresh" bash proto/generate.sh check
gate "Dockerfile" hadolint deploy/Dockerfile
gate "compose file" bash deploy/npm_tool.sh dclint 3.1.0 dclint --config deploy/dclint.yaml --max-warnings 0 deploy/compose.yaml
echo "check: all clean"
