"""Sales Pulse in a cluster: manifests for kustomize, and what makes the generated ones."""
