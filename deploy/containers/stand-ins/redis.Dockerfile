# Stands in for valkey/valkey: same volume.
ARG BASE
FROM ${BASE}
RUN apt-get -q update && apt-get -q -y install --no-install-recommends redis-server && apt-get clean && mkdir /data
VOLUME /data
WORKDIR /data
CMD ["redis-server"]
