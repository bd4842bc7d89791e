"""What runs it: the command line, the local stack, images and provisioning."""
