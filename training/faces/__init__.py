"""What is drawn: actors, expressions, light and cameras, sampled from a seed. Plain values, no graphics."""
