"""Linear systems: direct methods, stationary iterations and conjugate gradients."""
