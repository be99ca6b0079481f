"""Picture archives: series in, results back; only those that the operator has listed, never a caller's address."""
