"""Context mixing: adaptive models of the document, alone or mixed with the language model. See
docs/modelling.md."""
