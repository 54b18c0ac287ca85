"""Why a setting breaks a network, which choice did it, and what mends it."""
