"""Archives of files and folders: a tar in the container, with a table of contents behind it."""
