"""Signs and verifies folders with the package model-signing, as a list of jobs says: JSON in, one answer each out.

    python signing_check.py JOBS.json
"""

import json
import sys

from model_signing import hashing, signing, verifying


def run(job):
    if job["do"] == "sign":
        config = signing.Config().set_hashing_config(hashing.Config().set_ignored_paths(paths=job["ignore"] or []))
        if job.get("certificate"):
            config.use_certificate_signer(private_key=job["key"], signing_certificate=job["certificate"], certificate_chain=job["chain"])
        else:
            config.use_elliptic_key_signer(private_key=job["key"])
        config.sign(job["folder"], job["signature"])
        return
    config = verifying.Config()
    if job.get("chain"):
        config.use_certificate_verifier(certificate_chain=job["chain"])
    else:
        config.use_elliptic_key_verifier(public_key=job["key"])
    config.verify(job["folder"], job["signature"])


answers = []
for job in json.load(open(sys.argv[1], encoding="utf-8")):
    try:
        run(job)
        answers.append("")
    except Exception as error:  # what it says is the answer
        answers.append(f"{type(error).__name__}: {error}")
print(json.dumps(answers))
