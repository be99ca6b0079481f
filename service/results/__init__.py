"""What an answer becomes outside of gRPC: FHIR resources, DICOM objects."""
