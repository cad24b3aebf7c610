"""Checks bills of materials against the schema of CycloneDX 1.6, and prints what is wrong with each.

    python bom_check.py BILL.json...
"""

import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

validator = JsonStrictValidator(SchemaVersion.V1_6)
for name in sys.argv[1:]:
    error = validator.validate_str(open(name, encoding="utf-8").read())
    print(f"{name}: {str(error).splitlines()[0]}" if error else "")
