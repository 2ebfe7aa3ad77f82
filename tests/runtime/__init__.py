"""Tests of ndksym.runtime."""
