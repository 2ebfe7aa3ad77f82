"""`python -m ndksym` is the command line."""

from ndksym.cli import main

main()
