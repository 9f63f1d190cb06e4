"""What the bytes of a frame are: detectors turn them into pieces with a kind and parameters.

A detector looks, it never decides: a wrong guess costs bytes, never data, because a piece is coded
as bytes whatever it was taken for. Only the encoder looks, so all of this may change without a
change of the format. Pieces of equal `content.Content` share a channel.
"""
