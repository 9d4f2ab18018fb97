"""Stats on pages of others: their numbers, how they are drawn, and the script that puts the drawing there (stathat.md 1.11)."""
