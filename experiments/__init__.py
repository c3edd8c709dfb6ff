"""One script per question of the lectures."""
