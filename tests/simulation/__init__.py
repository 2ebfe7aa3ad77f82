"""Tests of ndksym.simulation."""
