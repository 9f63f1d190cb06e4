"""The coders of channels: one module each, and one row in the table.

A coder turns the bytes of a channel into a payload and back (`coder.Coder`). It knows nothing of
frames, transforms or how the choice was made. To add one: a number and a name in
`edgezip.container.constants`, a module here with an `encode` and a `decode` and its `Coder`, a row
in `table.TABLE`, its section in docs/format.md, a vector. What content it is tried for stands in
`edgezip.pipeline.choice`; `table` is what everybody else imports.
"""
