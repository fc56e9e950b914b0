"""Steps 1 and 2: the footage and its faces, tracking, and the landmarks drawn over it."""
