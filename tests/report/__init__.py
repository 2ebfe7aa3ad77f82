"""Tests of ndksym.report."""
