"""Every command that the documents for operators name is one that the binary has, with the options that they give it: commands.py BINARY"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*(ROOT / "charts/homeroom/docs").glob("*.md"), ROOT / "charts/homeroom/README.md", ROOT / "deploy/README.md", ROOT / "README.md"]
# In a sentence between back quotes, which may go on in the next line, or on a line of a block of shell commands, which does behind a
# backslash alone; behind `kubectl exec ... --` too.
NAMED = re.compile(r"(?:(`)|^|-- |/)homeroom((?: [a-z][a-z-]*)+)((?(1)(?:\s[^`#|]*)?|(?: (?:\\\n|[^`#|\n])*)?))", re.M)


def named():
    """Each command with its options, and where it is named."""
    for document in DOCUMENTS:
        for _, words, rest in NAMED.findall(document.read_text()):
            yield words.split(), re.findall(r"--[a-z][a-z-]+", rest), document.relative_to(ROOT)


def helped(binary, words):
    """What the longest part of these words that is a command says of itself; arguments may follow it, unless it has commands of its own.
    Nothing when none is."""
    for length in range(len(words), 0, -1):
        run = subprocess.run([binary, *words[:length], "--help"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if run.returncode == 0:
            commands = re.search(r"^Commands:\n((?:  .*\n)+)", run.stdout, re.M)
            unknown = commands and words[length:] and not re.search(rf"^  {words[length]}\s", commands[1], re.M)
            return None if unknown else run.stdout
    return None


def problems(binary):
    """What is named and is not there."""
    known = {}
    for words, options, document in named():
        key = " ".join(words)
        if key not in known:
            known[key] = helped(binary, words)
        if known[key] is None:
            yield f"{document}: there is no command `homeroom {key}`"
            continue
        for option in options:
            if not re.search(rf"(?<![a-z-]){option}(?![a-z-])", known[key]):
                yield f"{document}: `homeroom {key}` has no option {option}"
    print(f"{len(known)} commands")


def main():
    found = sorted(set(problems(sys.argv[1])))
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
