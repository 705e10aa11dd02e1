"""How recordings become clips."""
