"""Avatars whose names say nothing: the face found in their surface, and the weights solved in their own space."""
