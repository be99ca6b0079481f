"""Named numbers in, predictions out: train, register, load, predict, compare. Knows no gRPC."""
