"""DICOM in: series to images, RTSTRUCT and SEG to labels; pydicom stays behind this door."""
