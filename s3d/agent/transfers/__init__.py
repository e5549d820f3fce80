"""Uploads, downloads, copies, moves and deletions that the user asks for: in the background, and
again after a restart of the agent. Everything goes through the stores' front door, so that queue,
cache and filters see it as they see a client."""
