"""Benchmarks: each prints what it measured, on what; none asserts an absolute time."""
