"""Messages in, messages out: the gRPC service over models and features."""
