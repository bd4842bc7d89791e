"""What a portal's stages, fields, processes and people mean, and how it writes values."""
