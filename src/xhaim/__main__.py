"""``python -m xhaim``."""

from xhaim.cli import main

if __name__ == "__main__":
    main()
