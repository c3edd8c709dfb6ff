"""``python -m dlcore`` is the ``dlcore`` command."""

from dlcore.cli import main

if __name__ == "__main__":
    main()
