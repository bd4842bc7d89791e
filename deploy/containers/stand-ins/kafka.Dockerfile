# Stands in for apache/kafka: same paths, same user id, configured by the same environment variables.
ARG BASE
FROM ${BASE}
RUN useradd --uid 1000 appuser && install -d -o appuser -g appuser /var/lib/kafka/data /opt/kafka/config
COPY java /opt/java
COPY jars /opt/kafka/libs
COPY kafka-entrypoint /opt/kafka/entrypoint
USER appuser
EXPOSE 9092
VOLUME /var/lib/kafka/data
ENTRYPOINT ["/opt/kafka/entrypoint"]
