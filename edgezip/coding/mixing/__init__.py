"""Context mixing: adaptive models of the document, alone or mixed with the language model.

docs/modelling.md defines it. The kernels are compiled with Numba's `_nrt=False`: they allocate
nothing, and counting references to the arrays they are handed would take half of the time.
"""
