"""The life of the agent: the stack of stores, the front ends, the background tasks."""
