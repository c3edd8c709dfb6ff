"""The terminal: progress, signals, numbers as text."""
