"""How results leave the program: whole files, JSON and npz, progress, tables and figures. It knows no kernel.

In reading order: `scratch` (temporary files), `files` (written whole or not at all), `records` (JSON and npz of frozen data);
`progress` (of commands), `progress_argument` (of functions), `tables` (text), `notebook` (tables in HTML); `figure` (the numbers
of a figure), `style` (colours, phases), `draw` (panels, and figures as files), `chart`, `sheet` (the other kinds of figures).
It may use `errors` and the types of `runtime`.
"""
