"""Symbolic kernels of a network: dual kernels, prior process, recursions, NDK, and the identities that they obey.

In reading order: `gaussian` (expectations of pieces), `dual` (K and its derivative), `prior` (T1 to T4, T8), `recursion` (T5),
`ndk` (T6), `identities` (T7), `network` (all of it for one network), `latex`. It may use `algebra` and `activation`.
"""
