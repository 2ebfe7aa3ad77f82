"""Tests of ndksym.dynamics."""
