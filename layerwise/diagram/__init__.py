"""The picture of any network, laid out from its trace."""
