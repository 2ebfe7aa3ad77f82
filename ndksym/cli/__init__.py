"""The command line: options in; text, JSON, files and exit codes out.

In reading order: `main` (the commands), `options` (their arguments), `completion` (what a shell completes); `network` and
`times` (texts of options read); then a file for each command: `derive`, `solve`, `simulate`, `generate`, `list`; `console`
(errors and exit codes) and `timeout` (the child process of a command). It may use all rooms.
"""
