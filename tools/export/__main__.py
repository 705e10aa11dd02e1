"""python -m tools.export: see export.py."""

from tools.export.export import main

if __name__ == "__main__":
    main()
