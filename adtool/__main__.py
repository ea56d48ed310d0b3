"""Entry point: `adtool` and `python -m adtool`."""

import sys


def main() -> None:
    """Run the command line."""
    from adtool.cli.app import run

    sys.exit(run())


if __name__ == "__main__":
    main()
