"""A table of features that were extracted elsewhere: what its columns are, and who its patients."""
