"""The ground floor of numbers: formats, errors, derivatives, exact arithmetic, elementary functions, norms."""
