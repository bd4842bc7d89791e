# Stands in for prom/alertmanager: same user, same folder.
ARG BASE
FROM ${BASE}
RUN apt-get -q update && apt-get -q -y install --no-install-recommends prometheus-alertmanager && apt-get clean \
 && install -d -o nobody -g nogroup /alertmanager
USER nobody
WORKDIR /alertmanager
VOLUME /alertmanager
ENTRYPOINT ["/usr/bin/prometheus-alertmanager"]
