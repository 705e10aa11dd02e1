"""What every corpus recipe needs: reading what was distributed, checking it, writing data/."""
