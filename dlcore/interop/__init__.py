"""Other libraries' optimizers and models in dlcore, and dlcore's in theirs; each module needs its library."""
