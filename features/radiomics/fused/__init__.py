"""The fused engine: pyradiomics' names and values from a few passes over a small volume of grey levels."""
