"""Three machines without Kubernetes: systemd units, and what each host's files say. See deploy/docs/three-hosts.md."""
