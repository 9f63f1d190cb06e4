"""The coders of tokens, bytes, pictures, sounds and deflate streams, and what they share."""
