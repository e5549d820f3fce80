"""The synchronous client of the control API, for the command line."""
