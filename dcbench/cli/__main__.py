"""`python -m dcbench.cli`: the same command line as `dcbench`."""

from dcbench.cli import main

if __name__ == "__main__":
    main()
