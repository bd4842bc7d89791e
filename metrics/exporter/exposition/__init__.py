"""From sums to Prometheus text: lines kept until they change, compressed before anybody asks."""
