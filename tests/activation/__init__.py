"""Tests of ndksym.activation."""
