#!/usr/bin/env bash
# Lints the contract and compares it with the last released one (proto/released.binpb) by buf.
# `proto/lint.sh release` makes today's contract the released one.
set -euo pipefail
cd "$(dirname "$0")"
buf() { bash ../deploy/npm_tool.sh @bufbuild/buf 1.75.0 buf "$@"; }
if [ "${1:-}" = release ]; then
    buf build -o released.binpb
    exit
fi
buf lint
buf breaking --against released.binpb
echo "contract: lint clean, nothing broken since the last release"
