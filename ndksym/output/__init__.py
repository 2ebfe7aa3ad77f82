"""How results leave: whole files, JSON and npz records, progress, figures. It knows no kernel.

In reading order: `scratch` (temporary folders that do not stay), `files` (whole or not at all), `records` (JSON and npz of
frozen data), `progress` and `progress_argument`, `notebook` (small HTML tables), `figure` (what a figure shows, as numbers), `draw`
(Matplotlib). It may use `errors` and the types of `runtime`.
"""
