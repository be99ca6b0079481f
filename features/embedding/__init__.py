"""Deep embeddings of lesions; the only door to torch on this floor."""
