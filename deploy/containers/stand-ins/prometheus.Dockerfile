# Stands in for prom/prometheus: same user, same folder.
ARG BASE
FROM ${BASE}
RUN apt-get -q update && apt-get -q -y install --no-install-recommends prometheus && apt-get clean \
 && install -d -o nobody -g nogroup /prometheus
COPY prometheus.sh /usr/local/bin/
USER nobody
WORKDIR /prometheus
VOLUME /prometheus
ENTRYPOINT ["/usr/local/bin/prometheus.sh"]
