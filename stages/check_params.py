"""Check params.yaml, also against the base model if it is here, and do nothing else: python -m stages.check_params"""

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.runtime import model_limits


@exit_on_user_error
def main() -> None:
    model_limits.check(params.load())


if __name__ == "__main__":
    main()
