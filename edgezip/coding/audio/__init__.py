"""Lossless sound: linear predictors, and their errors coded by mixed distributions (coder 8).

`codec.py` has the two functions that others call. docs/media.md, "Audio", is the specification.

    geometry.py      bytes to samples and back
    levels.py        what each level computes
    values.py        which values occur: shifts, and a list of them where many never do
    leastsquares.py  recursive least squares in exact integers
    filters.py       long normalised LMS filters
    state.py         everything that adapts, for one or two channels
    prediction.py    all predictors of one sample, before and after it is known
    experts.py       distributions around the predictions, as logits of binary decisions
    decisions.py     one decision: mix, code, learn
    sample.py        one sample as decisions
    run.py           the loop over samples
"""
