"""Live: the avatar performs while the actor does, without keys."""
