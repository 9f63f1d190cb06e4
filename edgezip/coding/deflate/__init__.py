"""Deflate as zlib, gzip and Info-ZIP write it, token by token and bit by bit.

A stream is undone if the same algorithm with the same settings writes it again: then its content
and the settings say all. Nothing here calls a deflate library, so a stream is restored alike
beside any zlib. Method: RFC 1951 for the format; for what an encoder does with its freedom, the
published algorithm of zlib (Gailly and Adler; "deflate_fast", "deflate_slow", "build_tree"). Where
a stream departs from it, the token that it has is kept as a correction, as in preflate.
"""
