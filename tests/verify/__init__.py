"""Tests of ndksym.verify."""
