"""Receipts of uploads: how they are verified at the remote, signed and stored."""
