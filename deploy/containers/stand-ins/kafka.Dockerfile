# Stands in for apache/kafka: same paths, user, volumes, and the two scripts of Kafka that compose starts it with.
ARG BASE
FROM ${BASE}
RUN useradd --uid 1000 appuser && install -d -o appuser -g appuser /var/lib/kafka/data /etc/kafka/secrets /mnt/shared/config
COPY java /opt/java
COPY jars /opt/kafka/libs
COPY kafka-storage.sh kafka-server-start.sh /opt/kafka/bin/
USER appuser
EXPOSE 9092
VOLUME ["/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"]
