"""Build room: the registry of networks and the scripts that make the default weights and face model."""
