"""Symbolic kernels of a network: dual kernels, prior process, recursions, NDK, and the identities that they obey.

In reading order: `gaussian` (expectations of pieces, T16), `dual` (K and K_dot, T4), `prior` (T1 to T3), `recursion` (T5),
`ndk` (T6, T8), `identities` (T7), `network` (all of it for one network); for readers `readable`, `latex` and `citations`.
It may use `algebra`, `activation` and `runtime.arguments`.
"""
