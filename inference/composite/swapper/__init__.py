"""The swapper: brings the avatar's face onto the actor's, by warping the render or by a network."""
