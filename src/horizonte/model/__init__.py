"""Models: one protocol, six families, their weights and their bands."""
