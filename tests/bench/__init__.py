"""Benchmarks, run by hand: ``python -m tests.bench``.

What a request costs in CPU time, beside other servers and piece by piece. They measure
and judge nothing: no test looks at a clock. Believe the ratios, re-measure the rest.
"""
