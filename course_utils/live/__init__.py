"""The live lab and its parts. Only these modules know ipywidgets."""
