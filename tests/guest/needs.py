# SPDX-License-Identifier: Apache-2.0
"""What a kernel may lack (needs.txt), and which tests did not run for that reason."""
import os
import re

DECLARED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "needs.txt")


def declared(path=DECLARED):
    """{(kernel, need)}"""
    with open(path, encoding="utf-8") as lines:
        fields = [line.split(None, 1) for line in lines if line.strip() and not line.startswith("#")]
    return {(kernel, need.strip()) for kernel, need in fields}


def need_in(text):
    """The need that a skipped test gave as its reason; None when it gave none."""
    found = re.search(r"^needs (.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else None
