"""How scores are shown: findings, figures, examples, the page."""
