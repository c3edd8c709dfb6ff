"""dlcore: the working core of deep learning as pure, compiled JAX functions. A whole training setup is data."""

__version__ = "0.1.0"
