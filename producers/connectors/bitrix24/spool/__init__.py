"""What must not be forgotten: changes to look at, versions that went out, and who is who."""
