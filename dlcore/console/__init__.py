"""The terminal: progress, tables, numbers as text."""
