"""`python -m pipelines.cli` is the command `fabline`."""

from pipelines.cli.main import main

if __name__ == "__main__":
    main()
