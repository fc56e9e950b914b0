"""The shot in Blender: camera, light, footage behind it, rendered frames and results."""
