"""File formats that hold samples as they are: one module each, and one row in the table.

A module has a `Format`: a regular expression for what may be the start of such a file, and a
`parse` that is told where the expression matched and returns where the samples lie. It must stand
any bytes. What it returns is looked at once more before it is believed (`media`), so it need not be
sure. To add one: a module here and a row in `table.FORMATS`.
"""
