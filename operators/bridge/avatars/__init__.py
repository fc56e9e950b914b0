"""Heads that are built: the default one, ICT-FaceKit's, the actor's own, and their parts."""
