"""How far size carries: bits per byte against parameters, tokens, vocabulary and position.

`python -m train.study` runs it; docs/scaling.md says what was found.
"""
