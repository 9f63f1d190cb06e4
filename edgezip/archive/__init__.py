"""Archives of files and folders: a tar in the container, whose frames say what is in them."""
