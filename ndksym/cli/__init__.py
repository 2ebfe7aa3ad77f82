"""The command line: options in, text, JSON, files and exit codes out.

In reading order: `main` (the commands), `options`, then a file a command: `derive`, `generate`, `solve`, `simulate`, `list`;
`console` and `timeout` (work in a child). It may use everything.
"""
