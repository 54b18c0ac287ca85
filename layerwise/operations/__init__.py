"""What each PyTorch operation does: shape, error, MACs, window. Knows nothing of a network."""
