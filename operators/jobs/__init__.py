"""Long jobs beside a living window: the mix-in of operators that take long, and what the user can do about a job."""
