"""Quality meters: what can be measured on a composite, and what is good enough."""
