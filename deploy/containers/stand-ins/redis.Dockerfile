# Stands in for valkey/valkey.
ARG BASE
FROM ${BASE}
RUN apt-get -q update && apt-get -q -y install --no-install-recommends redis-server && apt-get clean
CMD ["redis-server"]
