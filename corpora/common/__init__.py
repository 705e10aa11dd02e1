"""What all corpus recipes need: reading a distributed corpus, checking it, and writing data/."""
