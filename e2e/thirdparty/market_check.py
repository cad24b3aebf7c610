"""huggingface_hub publishes to a market, finds, downloads and administers there, and is told what is wrong by its own exceptions."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import huggingface_hub
from huggingface_hub import HfApi, snapshot_download

task, *args = sys.argv[1:]
work = Path(os.environ["HF_HOME"]) / "work"
work.mkdir(parents=True, exist_ok=True)
facts = {}


def caught(f):
    """The name of the exception that f raises."""
    try:
        f()
    except Exception as e:  # noqa: BLE001
        return type(e).__name__
    return ""


def weights(size, name="model"):
    """A safetensors file of a size, which a market takes; of any other content it would not know what it is."""
    header = json.dumps({name: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}})
    n = size - 8 - len(header)
    header = json.dumps({name: {"dtype": "U8", "shape": [n], "data_offsets": [0, n]}}).ljust(len(header))
    return len(header).to_bytes(8, "little") + header.encode() + os.urandom(min(n, 1 << 20)) + bytes(n - min(n, 1 << 20))


def card(task, licence="mit"):
    return f"---\nlicense: {licence}\nlanguage: zh\npipeline_tag: {task}\ntags: [reviews]\n---\n# A model\n"


def publish():
    api = HfApi()
    facts["whoami"] = api.whoami()["name"]
    facts["url"] = str(api.create_repo("ada/reviews"))
    facts["again"] = caught(lambda: api.create_repo("ada/reviews"))
    api.create_repo("ada/reviews", exist_ok=True)
    folder = work / "model"
    (folder / "onnx").mkdir(parents=True)
    (folder / "README.md").write_text(card("text-classification"))
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "model.safetensors").write_bytes(weights(3 << 20))
    (folder / "onnx" / "model.onnx").write_bytes(b"\x08\x08\x3a\x00")
    (folder / "empty.txt").write_bytes(b"")
    commit = api.upload_folder(repo_id="ada/reviews", folder_path=folder, commit_message="first")
    facts["oid"] = commit.oid
    api.upload_file(repo_id="ada/reviews", path_or_fileobj="vocabulary 词".encode(), path_in_repo="vocab.txt")
    info = api.model_info("ada/reviews", files_metadata=True)
    facts["info"] = {"id": info.id, "sha": info.sha, "task": info.pipeline_tag, "licence": info.card_data.license, "tags": info.tags,
                     "files": sorted(s.rfilename for s in info.siblings), "sizes": sum(s.size for s in info.siblings)}
    facts["first"] = sorted(s.rfilename for s in api.model_info("ada/reviews", revision=commit.oid).siblings)
    facts["exists"] = [api.file_exists("ada/reviews", p) for p in ("vocab.txt", "none.txt")] + [api.repo_exists("ada/none"), api.revision_exists("ada/reviews", "none")]
    facts["tree"] = [(type(e).__name__, e.path) for e in api.list_repo_tree("ada/reviews", recursive=True, expand=True)]
    facts["paths"] = [(e.path, e.lfs.size, e.last_commit.oid == info.sha) for e in api.get_paths_info("ada/reviews", ["vocab.txt", "none"], expand=True)]
    facts["commits"] = [c.title for c in api.list_repo_commits("ada/reviews")]
    api.create_tag("ada/reviews", tag="v1", revision=commit.oid)
    api.create_branch("ada/reviews", branch="dev")
    api.upload_file(repo_id="ada/reviews", path_or_fileobj=b"dev", path_in_repo="dev.txt", revision="dev")
    api.delete_file("onnx/model.onnx", "ada/reviews", revision="dev")
    like = lambda: huggingface_hub.utils.get_session().post(f"{os.environ['HF_ENDPOINT']}/api/models/ada/reviews/like", headers=api._build_hf_headers()).status_code
    facts["likes"] = [like(), api.model_info("ada/reviews").likes, api.list_liked_repos().models]
    api.unlike("ada/reviews")
    facts["likes"].append(api.model_info("ada/reviews").likes)
    refs = api.list_repo_refs("ada/reviews")
    facts["refs"] = sorted(r.ref for r in refs.branches + refs.tags)
    facts["dev"] = sorted(api.list_repo_files("ada/reviews", revision="dev"))
    facts["folder"] = snapshot_download("ada/reviews")
    facts["same"] = all((Path(facts["folder"]) / p).read_bytes() == (folder / p).read_bytes() for p in ("README.md", "model.safetensors", "onnx/model.onnx", "empty.txt"))
    facts["verified"] = not api.verify_repo_checksums("ada/reviews").mismatches
    for name, task in (("b", "fill-mask"), ("c", "text-classification")):
        api.create_repo(f"ada/{name}")
        api.upload_file(repo_id=f"ada/{name}", path_or_fileobj=card(task).encode(), path_in_repo="README.md")
    api.create_repo("ada/rows", repo_type="dataset")
    api.upload_file(repo_id="ada/rows", repo_type="dataset", path_or_fileobj=b'{"text": "a"}\n', path_in_repo="data/train.jsonl")
    facts["rows"] = [d.id for d in api.list_datasets(author="ada")]
    facts["listed"] = [m.id for m in api.list_models(filter="text-classification", sort="created_at")]
    facts["searched"] = [m.id for m in api.list_models(search="review", filter="license:mit", full=True)]
    api.move_repo("ada/b", "ada/moved")
    facts["moved"] = [api.model_info("ada/b").id, Path(huggingface_hub.hf_hub_download("ada/b", "README.md")).name]
    api.delete_repo("ada/moved")
    api.delete_branch("ada/reviews", branch="dev")
    api.delete_tag("ada/reviews", tag="v1")
    facts["gone"] = [api.repo_exists("ada/moved"), api.revision_exists("ada/reviews", "dev")]
    facts["conflict"] = caught(lambda: api.upload_file(repo_id="ada/reviews", path_or_fileobj=b"x", path_in_repo="x", parent_commit=commit.oid))


def errors():
    """As ada, who owns all of it, and then as others."""
    ada, eve, stranger = HfApi(), HfApi(token=args[0]), HfApi(token=False)
    ada.create_repo("ada/secret", private=True)
    ada.upload_file(repo_id="ada/secret", path_or_fileobj=b"{}", path_in_repo="config.json")
    ada.create_repo("ada/gated")
    ada.upload_file(repo_id="ada/gated", path_or_fileobj=b"{}", path_in_repo="config.json")
    ada.update_repo_settings("ada/gated", gated="manual")
    for who, api in (("ada", ada), ("eve", eve), ("stranger", stranger)):
        load = lambda name, **k: caught(lambda: api.hf_hub_download(name, k.pop("file", "config.json"), cache_dir=tempfile.mkdtemp(dir=work), **k))
        facts[who] = {
            "private": load("ada/secret"), "private info": caught(lambda: api.model_info("ada/secret")), "absent": load("ada/none"), "gated": load("ada/gated"),
            "gated info": caught(lambda: api.model_info("ada/gated")), "file": load("ada/gated", file="none.txt"), "revision": load("ada/gated", revision="none"),
            "check": caught(lambda: api.auth_check("ada/gated")), "write": caught(lambda: api.upload_file(repo_id="ada/gated", path_or_fileobj=b"x", path_in_repo="x")),
        }
    ada.grant_access("ada/gated", "eve")
    facts["granted"] = caught(lambda: eve.hf_hub_download("ada/gated", "config.json", cache_dir=tempfile.mkdtemp(dir=work)))
    facts["accepted"] = [r.username for r in ada.list_accepted_access_requests("ada/gated")]
    facts["wrong token"] = caught(lambda: HfApi(token="hf_wrong").whoami())


def stage():
    """A model that loads in several pieces."""
    api = HfApi()
    api.create_repo("ada/big")
    folder = work / "big"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights(32 << 20))
    api.upload_folder(repo_id="ada/big", folder_path=folder)


def snapshot():
    """The download of a model, perhaps after a cut."""
    try:
        facts["folder"] = snapshot_download(args[0], max_workers=1)
        facts["sizes"] = {p.name: p.stat().st_size for p in Path(facts["folder"]).iterdir()}
    except Exception as e:  # noqa: BLE001
        facts["error"] = type(e).__name__


def large():
    """A file beyond what comes within a commit."""
    api = HfApi()
    api.create_repo("ada/large", exist_ok=True)
    path = work / "weights.bin"
    path.write_bytes(weights(int(args[0])))
    facts["oid"] = api.upload_file(repo_id="ada/large", path_or_fileobj=path, path_in_repo="weights.bin").oid
    got = Path(api.hf_hub_download("ada/large", "weights.bin"))
    facts["same"] = subprocess.run(["cmp", got, path]).returncode == 0
    facts["copied"] = api.create_commit("ada/large", [huggingface_hub.CommitOperationCopy("weights.bin", "copy.bin")], commit_message="copy").oid
    facts["files"] = sorted(api.list_repo_files("ada/large"))


def datasets():
    """Tables of three formats, with splits, as datasets reads them."""
    import pyarrow
    import pyarrow.parquet
    from datasets import load_dataset

    train, test = [["太脏", 0], ["好, 再来", 1]], [["很好", 1]]
    table = lambda rows: "text,label\n" + "".join(f'"{t}",{n}\n' for t, n in rows)
    lines = lambda rows: "".join(json.dumps({"text": t, "label": n}) + "\n" for t, n in rows)

    def parquet(rows):
        out = pyarrow.BufferOutputStream()
        pyarrow.parquet.write_table(pyarrow.table({"text": [t for t, _ in rows], "label": [n for _, n in rows]}), out)
        return out.getvalue().to_pybytes()

    api = HfApi()
    for name, write in (("csv", lambda r: table(r).encode()), ("jsonl", lambda r: lines(r).encode()), ("parquet", parquet)):
        api.create_repo(f"ada/{name}", repo_type="dataset", private=name == "csv")
        card = "---\nlicense: mit\ntask_categories: [text-classification]\n---\n# Rows\n"
        api.create_commit(f"ada/{name}", repo_type="dataset", commit_message="rows", operations=[
            huggingface_hub.CommitOperationAdd("README.md", card.encode()),
            huggingface_hub.CommitOperationAdd(f"data/train.{name}", write(train)),
            huggingface_hub.CommitOperationAdd(f"data/test.{name}", write(test)),
        ])
        loaded = load_dataset(f"ada/{name}")
        facts[name] = {split: [[r["text"], r["label"]] for r in rows] for split, rows in loaded.items()}
    facts["stream"] = [r["text"] for r in load_dataset("ada/jsonl", split="train", streaming=True)]
    api.create_repo("ada/unseen", repo_type="dataset", private=True)  # what was loaded before would come from the cache
    api.upload_file(repo_id="ada/unseen", repo_type="dataset", path_or_fileobj=lines(train).encode(), path_in_repo="train.jsonl")
    facts["private"] = caught(lambda: load_dataset("ada/unseen", token=False))


def collections():
    """Collections of repositories, made, filled, arranged, found and deleted."""
    api = HfApi()
    for name, kind in (("reviews", "model"), ("rows", "dataset"), ("hidden", "model")):
        api.create_repo(f"ada/{name}", repo_type=kind, private=name == "hidden")
        text = f"---\nlicense: mit\nlanguage: zh\n{'pipeline_tag: fill-mask' if kind == 'model' else 'task_categories: [fill-mask]'}\n---\n# {name}\n"
        api.upload_file(repo_id=f"ada/{name}", repo_type=kind, path_or_fileobj=text.encode(), path_in_repo="README.md")
    made = api.create_collection("客服 Models", description="For customers")
    facts["made"] = [made.slug, made.title, made.description, made.private, made.owner["name"], made.url]
    facts["again"] = [caught(lambda: api.create_collection("客服 Models")), api.create_collection("客服 Models", exists_ok=True).slug]
    for name, kind, note in (("reviews", "model", "the first"), ("rows", "dataset", None), ("hidden", "model", "not for all")):
        filled = api.add_collection_item(made.slug, item_id=f"ada/{name}", item_type=kind, note=note)
    facts["filled"] = [[i.item_id, i.item_type, i.note, i.position] for i in filled.items]
    facts["twice"] = [caught(lambda: api.add_collection_item(made.slug, "ada/rows", "dataset")), len(api.add_collection_item(made.slug, "ada/rows", "dataset", exists_ok=True).items)]
    api.update_collection_item(made.slug, filled.items[2].item_object_id, note="hidden", position=0)
    facts["arranged"] = [[i.item_id, i.note] for i in api.get_collection(made.slug).items]
    facts["stranger"] = [i.item_id for i in HfApi(token=False).get_collection(made.slug).items]
    other = api.create_collection("Other", private=True)
    facts["private"] = caught(lambda: HfApi(token=False).get_collection(other.slug))
    facts["listed"] = [[[c.slug, len(c.items)] for c in who.list_collections(**by)] for who, by in
                       ((api, {}), (HfApi(token=False), {}), (api, {"item": "datasets/ada/rows"}), (api, {"owner": "ada", "limit": 1}), (api, {"owner": "nobody"}))]
    renamed = api.update_collection_metadata(other.slug, title="Another", private=False)
    facts["renamed"] = [renamed.slug, renamed.title, renamed.private]
    api.delete_collection_item(made.slug, filled.items[0].item_object_id)
    api.delete_collection_item(made.slug, filled.items[0].item_object_id, missing_ok=True)
    facts["left"] = [i.item_id for i in api.get_collection(made.slug).items]
    api.delete_collection(made.slug)
    api.delete_collection(made.slug, missing_ok=True)
    facts["gone"] = caught(lambda: api.get_collection(made.slug))


def command():
    """The command line of huggingface_hub."""
    hf = Path(sys.executable).parent / "hf"

    def run(*words):
        done = subprocess.run([hf, *words], capture_output=True, text=True)
        facts[" ".join(words[:2])] = [done.returncode, done.stdout[-2000:], done.stderr[-2000:]]

    folder = work / "cli"
    folder.mkdir()
    (folder / "README.md").write_text(card("fill-mask"))
    (folder / "config.json").write_text("{}")
    run("auth", "whoami")
    run("repos", "create", "ada/cli")
    run("upload", "ada/cli", str(folder), ".")
    run("models", "ls", "--search", "cli")
    run("download", "ada/cli", "--local-dir", str(work / "loaded"))
    run("repos", "tag", "create", "ada/cli", "v1")
    facts["loaded"] = sorted(p.name for p in (work / "loaded").iterdir() if p.is_file()) if (work / "loaded").exists() else []
    run("repos", "delete", "ada/cli", "--yes")


{"publish": publish, "errors": errors, "stage": stage, "snapshot": snapshot, "large": large, "datasets": datasets, "collections": collections, "command": command}[task]()
print(json.dumps(facts))
