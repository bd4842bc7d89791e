#!/bin/sh
# At the first start, as the image does with what lies here: the ledger's database, who writes it, and who may read it.
set -eu
secrets="${SECRETS:-/run/secrets}"
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
  --set writer="$(cat "$secrets/writer")" --set reader="$(cat "$secrets/reader")" <<'SQL'
CREATE ROLE sales LOGIN PASSWORD :'writer';
CREATE ROLE sales_reader LOGIN PASSWORD :'reader';
CREATE DATABASE sales OWNER sales;
SQL
