"""`python -m occlusight` is the command `occlusight`."""

from occlusight.cli import main

if __name__ == "__main__":
    main()
