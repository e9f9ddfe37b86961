#!/bin/sh
# Makes the passwords of an installation in compose/secrets (never in git); existing ones are kept.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
for name in postgres_password owner_password app_password broker_password; do
  [ -s "secrets/$name" ] || (umask 077 && od -An -tx1 -N24 /dev/urandom | tr -d ' \n' >"secrets/$name")
  # Containers read them as their own users; the folder above keeps everybody else out.
  chmod 444 "secrets/$name"
done
echo "passwords are in $(pwd)/secrets"
