#!/usr/bin/env bash
# Installs the servers and readers that some tests start on loopback: PostgreSQL, Orthanc, Chromium, poppler.
# On Debian, as root; tests that miss one skip and name this script, and fail where RADRESPONSE_SERVERS=required.
set -euo pipefail
packages=(postgresql orthanc orthanc-dicomweb chromium poppler-utils fonts-dejavu-core)
missing=()
for package in "${packages[@]}"; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
echo "test servers: installing ${missing[*]}" >&2
# Debian starts a server when it is installed; tests start their own on free ports.
policy=/usr/sbin/policy-rc.d
made=false
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 0755 "$policy"
    made=true
fi
trap '! $made || rm -f "$policy"' EXIT
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install --no-install-recommends --yes -qq "${missing[@]}" >/dev/null
