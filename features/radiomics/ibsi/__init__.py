"""The same feature names by the definitions of the image biomarker standardisation initiative (IBSI-1)."""
