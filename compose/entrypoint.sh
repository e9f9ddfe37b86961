#!/bin/sh
# Turns secret files into the addresses that the settings expect, then becomes the process itself, so
# that the one signal of `docker stop` reaches it. A password is in the secret file and in the memory
# of the process, nowhere else.
set -eu
secrets="${SECRETS:-/run/secrets}"

encoded() { # a password may hold characters that mean something in an address
  python3 -c 'import sys, urllib.parse as u; print(u.quote(open(sys.argv[1]).read().strip(), safe=""))' "$1"
}

if [ -r "$secrets/app_password" ]; then
  CESSION_DATABASE_URL="postgresql://cession_app:$(encoded "$secrets/app_password")@$POSTGRES_HOST/cession"
  export CESSION_DATABASE_URL
fi
if [ -r "$secrets/owner_password" ]; then
  CESSION_MIGRATION_DATABASE_URL="postgresql://cession_owner:$(encoded "$secrets/owner_password")@$POSTGRES_HOST/cession"
  export CESSION_MIGRATION_DATABASE_URL
fi
if [ -r "$secrets/broker_password" ]; then
  CESSION_BROKER_URL="amqp://cession:$(encoded "$secrets/broker_password")@$BROKER_HOST:5672/%2F"
  export CESSION_BROKER_URL
fi
exec "$@"
