"""Step 3: who performs, and how it follows: the list of links, by name or by shape, head and eyes."""
