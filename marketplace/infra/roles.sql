-- Roles, database and extensions of one installation; safe to run again. Needs a superuser, and psql:
--     psql -X -v database=cession -f marketplace/infra/roles.sql
--
-- cession_owner owns every table and runs migrations. cession_app is what the API and the workers log in
-- as: it owns nothing, so row level security binds it and append-only tables stay append-only even if the
-- application is taken over. Passwords are set by whoever installs (compose/roles.sh); on the embedded
-- server the socket file is the lock, only its owner can open it.
\set ON_ERROR_STOP on
\if :{?database}
\else
  \set database cession
\endif

SELECT format('CREATE ROLE %I', name)
  FROM unnest(ARRAY['cession_owner', 'cession_app']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE cession_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE cession_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- A request that waits longer than this has lost its caller; better an error than a full pool.
ALTER ROLE cession_app SET statement_timeout = '30s';
ALTER ROLE cession_app SET lock_timeout = '10s';
ALTER ROLE cession_app SET idle_in_transaction_session_timeout = '60s';

-- LC_COLLATE C: text sorts by code point on every server, so cursors and indexes mean the same everywhere.
SELECT format('CREATE DATABASE %I OWNER cession_owner ENCODING ''UTF8'' LC_COLLATE ''C'' TEMPLATE template0', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

\connect :"database"
SET client_min_messages = warning;

-- btree_gist: no two holdings of a lot may overlap (register); pg_trgm: catalogue search by part of a name.
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

ALTER SCHEMA public OWNER TO cession_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO cession_app;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO cession_app, cession_owner;
