"""Results as DICOM objects that go back to where the images came from: SEG with the lesions, SR (TID 1500)."""
