#!/usr/bin/env bash
# Makes the stubs from the .proto files: `proto/generate.sh` writes them, `proto/generate.sh check` says
# whether those committed are what the contract gives. The generator is pinned to the oldest
# grpcio-tools that we support, because stubs refuse any older grpcio and protobuf than their own.
set -euo pipefail
cd "$(dirname "$0")/.."
generator=.venv-proto
if [ ! -e "$generator/.ready" ]; then
    echo "making the stub generator in $generator" >&2
    "${PYTHON:-python3}" -m venv --clear "$generator"
    "$generator/bin/python" -m pip install -q --disable-pip-version-check \
        grpcio==1.71.2 grpcio-tools==1.71.2 mypy-protobuf==3.6.0 protobuf==5.29.6 setuptools==80.9.0 \
        types-protobuf==5.29.1.20250403 typing_extensions==4.14.1
    touch "$generator/.ready"
fi
make_stubs() {
    (cd proto && "../$generator/bin/python" -m grpc_tools.protoc -I. \
        --python_out="$1" --pyi_out="$1" --grpc_python_out="$1" \
        --plugin=protoc-gen-mypy_grpc="../$generator/bin/protoc-gen-mypy_grpc" --mypy_grpc_out=quiet:"$1" \
        radresponse/v1/*.proto)
}
if [ "${1:-}" = check ]; then
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    make_stubs "$fresh"
    for file in "$fresh"/radresponse/v1/*; do
        if ! cmp -s "$file" "proto/radresponse/v1/$(basename "$file")"; then
            echo "stale: proto/radresponse/v1/$(basename "$file"); run proto/generate.sh and commit" >&2
            exit 1
        fi
    done
    echo "stubs are fresh"
else
    make_stubs .
fi
