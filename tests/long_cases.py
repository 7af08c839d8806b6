"""Which cases the default run leaves out, from how long each took.

    python -m pytest -m '' -n 2 --junitxml=times.xml && python tests/long_cases.py times.xml

writes ``long_cases.txt``, which ``conftest.py`` reads: these cases are marked slow. Of each test function the quickest
case stays in the default run unless it takes more than a second itself; the others leave it from 0.1 seconds on.
Cases that no longer exist are taken off the list.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
LIST = HERE / "long_cases.txt"
QUICK, LONG = 0.1, 1.0
# What users were promised is shown by these, however long they take.
STAY = ("tests/search/test_hop.py",)


def node_of(case):
    """The name by which pytest selects a case."""
    *parts, name = [*case.get("classname").split("."), case.get("name")]
    depth = next(
        i for i in range(1, len(parts) + 1) if (HERE.parent / "/".join(parts[:i])).with_suffix(".py").is_file()
    )
    return "::".join(["/".join(parts[:depth]) + ".py", *parts[depth:], name])


def long_cases(path):
    """The cases to leave out."""
    times = defaultdict(list)
    for case in ElementTree.parse(path).iter("testcase"):
        node = node_of(case)
        times[node.partition("[")[0]].append((float(case.get("time")), node))
    for function, cases in times.items():
        first, *others = sorted(cases)
        if not function.startswith(STAY):
            yield from (node for time, node in others if time > QUICK)
            if first[0] > LONG:
                yield first[1]


if __name__ == "__main__":
    LIST.write_text("\n".join(sorted(long_cases(sys.argv[1]))) + "\n", encoding="utf-8")
