"""The command line: it starts the agent, and controls a running one."""
