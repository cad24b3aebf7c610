"""huggingface_hub looks into a cache that Xiaoyu filled, or fills one that Xiaoyu then looks into."""
import json
import sys

from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache

task, name, *paths = sys.argv[1:]
facts = {}
if task == "fill":
    facts["folder"] = snapshot_download(name)
else:
    facts["folder"] = snapshot_download(name, local_files_only=True)
    facts["tagged"] = snapshot_download(name, revision="v1.0", local_files_only=True)
    facts["files"] = {path: try_to_load_from_cache(name, path) for path in paths}
    facts["again"] = {path: hf_hub_download(name, path) for path in paths}
    scan = scan_cache_dir()
    facts["warnings"] = [str(w) for w in scan.warnings]
    facts["repos"] = [repo.repo_id for repo in scan.repos]
    facts["refs"] = sorted(ref for repo in scan.repos for ref in repo.refs)
print(json.dumps(facts))
