"""Commands that train the models edgezip ships, from corpus shards to GGUF files.

Each module with a `main` is a command: `python -m train.NAME --help`. PyTorch is imported only
here (extra `[train]`), never by `edgezip`. The order of the commands is in train/README.md.
"""
