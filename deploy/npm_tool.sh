#!/usr/bin/env bash
# Runs a pinned tool from npm, installing it under .cache/npm first where it is missing: npm_tool.sh PACKAGE VERSION COMMAND [ARG ...]
set -euo pipefail
package=$1 version=$2 command=$3
shift 3
prefix="$(cd "$(dirname "$0")/.." && pwd)/.cache/npm/$command-$version"
if [ ! -x "$prefix/node_modules/.bin/$command" ]; then
    command -v npm >/dev/null || { echo "$command needs npm (Node.js 18 or later)" >&2; exit 1; }
    echo "installing $package $version from npm" >&2
    npm install --prefix "$prefix" --no-save --no-package-lock --silent "$package@$version" >/dev/null
fi
exec "$prefix/node_modules/.bin/$command" "$@"
