"""The export to OpenTelemetry. Only start.py is imported, and only when an endpoint is set."""
