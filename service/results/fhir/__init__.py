"""An answer as FHIR resources of release R4B or R5, in one Bundle."""
