"""Lossless pictures (coder 7)."""
