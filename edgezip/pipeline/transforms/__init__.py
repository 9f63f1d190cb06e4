"""Reversible changes of a channel's bytes in front of its coder: one module and one row each.

To add one: a number and a name in `edgezip.container.constants`, a module with an `apply` and an
`undo`, a row in `table.TRANSFORMS`, its section in docs/format.md, a vector. Only the encoder calls
`apply`, so what it is applied to may change without a change of the format.
"""
