#!/usr/bin/env bash
# Writes the password file of Airflow's simple auth manager from the environment, then goes on as Airflow's image does.
set -euo pipefail
umask 077
: "${AIRFLOW_USER:?}" "${AIRFLOW_PASSWORD:?}" "${AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE:?}"
printf '{"%s": "%s"}\n' "$AIRFLOW_USER" "$AIRFLOW_PASSWORD" >"$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
umask 022
exec /entrypoint "$@"
