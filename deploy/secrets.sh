#!/usr/bin/env bash
# Makes what deploy/compose.yaml needs to start in deploy/secrets/: a certificate authority, a server and a client
# certificate, a first bearer token, the keys of who admits models, and passwords. What is there already stays. Git ignores the folder.
#   deploy/secrets.sh [HOST ...]        names and addresses of the server besides localhost; SECRETS=FOLDER for another folder
set -euo pipefail
cd "$(dirname "$0")/.."
command -v openssl >/dev/null || { echo "secrets: openssl is missing (Debian: apt-get install openssl)" >&2; exit 1; }
python=.venv/bin/python
[ -x "$python" ] || { echo "secrets: no environment yet; run make setup" >&2; exit 1; }
folder=${SECRETS:-deploy/secrets}
umask 077
mkdir -p "$folder"
names="DNS:localhost,DNS:service,IP:127.0.0.1"
for host in "$@"; do
    case "$host" in
        *[!0-9.]*) names="$names,DNS:$host" ;;
        *) names="$names,IP:$host" ;;
    esac
done
new() { [ ! -e "$folder/$1" ] && echo "secrets: making $folder/$1"; }
if new ca.crt; then
    openssl req -x509 -newkey rsa:3072 -nodes -sha256 -days 3650 -subj "/CN=RadResponse CA" \
        -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null
fi
certificate() { # name, subject, extensions
    new "$1.crt" || return 0
    openssl req -newkey rsa:3072 -nodes -sha256 -subj "$2" -keyout "$folder/$1.key" -out "$folder/$1.csr" 2>/dev/null
    openssl x509 -req -sha256 -days 825 -in "$folder/$1.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" \
        -CAcreateserial -extfile <(printf '%s\n' "$3") -out "$folder/$1.crt" 2>/dev/null
    rm "$folder/$1.csr"
}
certificate server "/CN=radresponse" "subjectAltName=$names
extendedKeyUsage=serverAuth"
certificate client "/CN=oncology-system" "extendedKeyUsage=clientAuth"
if new tokens.yaml; then
    # The token goes to its caller, its hash to the service.
    "$python" -m service token --name oncology-system --roles predict,read \
        --tokens-file "$folder/tokens.yaml" >"$folder/oncology-system.token"
fi
if new release.key; then
    # Who admits models holds the private key; the service has the public one.
    "$python" -m models keys --out "$folder" >/dev/null
fi
if new database-password; then
    openssl rand -hex 24 >"$folder/database-password"
fi
if new s3-credentials; then
    access=$(openssl rand -hex 10) secret=$(openssl rand -hex 24)
    printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$access" "$secret" >"$folder/s3-credentials"
    printf '{"identities": [{"name": "mlflow", "credentials": [{"accessKey": "%s", "secretKey": "%s"}], "actions": ["Admin", "Read", "Write", "List"]}]}\n' \
        "$access" "$secret" >"$folder/s3-identities.json"
fi
# Containers read secrets under their own users.
chmod 0755 "$folder"
chmod 0444 "$folder"/{release.pub,ca.crt,server.crt,server.key,tokens.yaml,database-password,s3-credentials,s3-identities.json}
echo "secrets: in $folder; give oncology-system.token, client.crt, client.key and ca.crt to the caller"
