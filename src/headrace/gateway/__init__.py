"""HTTP: the route table, bodies, and the small engine that runs each dialect's order of checks."""
