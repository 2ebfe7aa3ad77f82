"""Tests of ndksym.algebra."""
