"""Tests of ndksym.cli."""
