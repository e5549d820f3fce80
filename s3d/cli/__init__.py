"""The command line: the door to the agent and to the terminal app."""
