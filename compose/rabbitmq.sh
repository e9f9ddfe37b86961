#!/bin/sh
# Starts RabbitMQ with the one user of this installation, its password from the secret file.
set -eu
RABBITMQ_DEFAULT_PASS="$(cat /run/secrets/broker_password)"
export RABBITMQ_DEFAULT_PASS
exec docker-entrypoint.sh rabbitmq-server
