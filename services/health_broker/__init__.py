"""The health broker: the same notices, for recipients whose systems speak FHIR."""
