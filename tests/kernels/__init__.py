"""Tests of ndksym.kernels."""
