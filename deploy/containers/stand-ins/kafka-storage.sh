#!/bin/bash
# As Kafka's own script of this name, as far as it is used here.
exec /opt/java/bin/java -Xmx128m -XX:+UseSerialGC ${KAFKA_LOG4J_OPTS:-} -cp '/opt/kafka/libs/*' kafka.tools.StorageTool "$@"
