"""Modal screens: dialogs of one concept each. Each is given what it shows and returns an answer."""
