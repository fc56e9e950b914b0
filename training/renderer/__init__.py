"""How faces are drawn: ICT-FaceKit heads through OpenGL without a screen."""
