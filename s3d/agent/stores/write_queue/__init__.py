"""The write queue: writes land on the local disk first and are pushed in the background."""
