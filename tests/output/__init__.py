"""Tests of ndksym.output."""
