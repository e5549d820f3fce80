"""The terminal app. Imports shared only and talks to the agent over its Unix socket."""
