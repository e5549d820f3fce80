"""Learns what other writers change at the remote, so that it is seen within seconds."""
