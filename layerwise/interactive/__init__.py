"""The live lab: controls, page, and pictures that answer."""
