"""Two files hold the same objects: same.py ONE OTHER."""

import sys
from pathlib import Path

import yaml


def objects(name):
    """What is in a file, in an order of its own."""
    return sorted(yaml.safe_dump(one) for one in yaml.safe_load_all(Path(name).read_text()) if one)


if __name__ == "__main__":
    one, other = (objects(name) for name in sys.argv[1:])
    if different := [text for text in one if text not in other] + [text for text in other if text not in one]:
        sys.exit(f"{len(different)} objects differ, the first:\n{different[0]}")
