#!/bin/sh
# Runs once, when the database volume is empty: roles, database, extensions, then the passwords.
set -eu
secrets="${SECRETS:-/run/secrets}"
psql -X -v ON_ERROR_STOP=1 -v database=cession -U "$POSTGRES_USER" -d postgres \
  -f "${ROLES:-/opt/cession/roles.sql}"
# The here-document keeps the passwords out of the argument list, which every process can read.
psql -X -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres <<SQL
\\set owner \`cat $secrets/owner_password\`
\\set app \`cat $secrets/app_password\`
ALTER ROLE cession_owner PASSWORD :'owner';
ALTER ROLE cession_app PASSWORD :'app';
SQL
