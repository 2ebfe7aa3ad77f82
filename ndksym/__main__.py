"""`python -m ndksym` is the command line."""

from ndksym.cli.main import main

main()
