"""Check params.yaml, and nothing else: python -m stages.check_params"""

from stages.common import params
from stages.common.errors import exit_on_user_error


@exit_on_user_error
def main() -> None:
    params.load()


if __name__ == "__main__":
    main()
