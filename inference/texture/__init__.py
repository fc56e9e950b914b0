"""The actor's skin as a picture: footage projected onto the fitted face and flattened; texture.shot is the door."""
