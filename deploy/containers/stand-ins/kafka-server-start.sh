#!/bin/bash
# As Kafka's own script of this name, as far as it is used here.
mkdir -p "${LOG_DIR:?}"
# shellcheck disable=SC2086 # several options in one variable
exec /opt/java/bin/java ${KAFKA_HEAP_OPTS:-} -XX:+ExitOnOutOfMemoryError -XX:+UseSerialGC -Dkafka.logs.dir="$LOG_DIR" \
  ${KAFKA_LOG4J_OPTS:-} -cp '/opt/kafka/libs/*' kafka.Kafka "$@"
