"""Runs the Python that the card of an export shows, in the export's folder and on a text, and prints what it prints."""
import os
import re
import sys

folder, text = sys.argv[1:]
os.chdir(folder)
block = re.search(r"```python\n(.*?)```", open("README.md", encoding="utf-8").read(), re.S).group(1)
assert "…" in block
exec(block.replace("…", text))
