"""`python -m moslab`."""

from moslab.cli import main

if __name__ == "__main__":
    main()
