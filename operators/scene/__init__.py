"""Steps 5 and 6: camera, light and render of the shot, and the composite."""
