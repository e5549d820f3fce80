"""Policies: Open Policy Agent decides, in this process or at a server."""
