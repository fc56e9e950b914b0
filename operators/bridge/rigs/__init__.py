"""Avatars as they are found: what moves their faces, heads and eyes, and what that does to their surface."""
