"""Step 4: the performance on the avatar: adjusted, previewed, baked, corrected by hand."""
