"""Tests of ndksym.codegen."""
