"""Login by another server: OpenID Connect, and the launch from an electronic health record (SMART on FHIR)."""
