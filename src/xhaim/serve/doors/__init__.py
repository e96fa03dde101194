"""The doors for other systems: a JSON API, FHIR R4 in and out, CDS Hooks."""
