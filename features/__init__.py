"""Image and mask in, named numbers out. Knows no model and no gRPC."""
