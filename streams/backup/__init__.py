"""What has to be kept to have every number again: taken into plain files, and put into an empty cluster."""
