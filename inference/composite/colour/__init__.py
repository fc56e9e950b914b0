"""The colour matcher: the light, colours, grain and sharpness of the plate for the face."""
