"""Check params.yaml and do nothing else: python -m stages.check_params"""

from stages.common import params
from stages.common.errors import told_plainly


@told_plainly
def main() -> None:
    params.load()


if __name__ == "__main__":
    main()
