"""`python -m edgezip` is the command line."""

from edgezip.cli import script

if __name__ == "__main__":
    script()
