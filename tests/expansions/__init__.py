"""Tests of ndksym.expansions."""
