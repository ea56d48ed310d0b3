"""Entry point: `adtool` and `python -m adtool`."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from adtool.cli.app import run

        sys.exit(run())
    except KeyboardInterrupt:  # while the command line itself is still being imported
        sys.exit(130)


if __name__ == "__main__":
    main()
