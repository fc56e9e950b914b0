"""A performance while it is acted: pictures or another tracker's values in, samples out, the newest only."""
