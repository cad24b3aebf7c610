// The Hugging Face hub's clients for JavaScript publish to a market, find, load and run there.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [packages, market, task, ...args] = process.argv.slice(2);
const load = (name) => {
  const path = createRequire(packages + "/package.json").resolve(name);
  return import(pathToFileURL(path));
};
const facts = {};

// The name and status of the error that f throws.
async function caught(f) {
  try {
    await f();
  } catch (e) {
    return `${e.name} ${e.statusCode ?? ""}`.trim();
  }
  return "";
}

async function all(list, what) {
  const out = [];
  for await (const x of list) out.push(what(x));
  return out.sort();
}

async function hub() {
  const h = await load("@huggingface/hub");
  const [token] = args;
  const at = { hubUrl: market, accessToken: token.replace(/^xy_/, "hf_") }; // it takes no others
  const repo = { type: "model", name: "ada/js" };
  facts.whoami = (await h.whoAmI(at)).name;
  facts.created = (await h.createRepo({ ...at, repo })).repoUrl;
  facts.again = await caught(() => h.createRepo({ ...at, repo }));
  const card = "---\nlicense: mit\npipeline_tag: text-classification\nlanguage: zh\n---\n# From JavaScript\n";
  // A sound safetensors file: a market takes no other weights.
  const size = 3 << 20, header = `{"w":{"dtype":"U8","shape":[${size - 80}],"data_offsets":[0,${size - 80}]}}`.padEnd(72);
  const weights = new Uint8Array(size).map((_, i) => i * 7 + (i >> 8));
  weights.set([72, 0, 0, 0, 0, 0, 0, 0]);
  weights.set(new TextEncoder().encode(header), 8);
  const commit = await h.uploadFiles({ ...at, repo, commitTitle: "first", files: [
    { path: "README.md", content: new Blob([card]) },
    { path: "config.json", content: new Blob(['{"model_type": "bert"}']) },
    { path: "onnx/model.safetensors", content: new Blob([weights]) },
  ] });
  facts.oid = commit.commit.oid.length;
  await h.uploadFile({ ...at, repo, file: { path: "vocab.txt", content: new Blob(["词\n"]) } });
  facts.files = await all(h.listFiles({ ...at, repo, recursive: true }), (f) => `${f.type} ${f.path} ${f.size}`);
  facts.exists = [await h.fileExists({ ...at, repo, path: "vocab.txt" }), await h.fileExists({ ...at, repo, path: "none.txt" })];
  const blob = await h.downloadFile({ ...at, repo, path: "onnx/model.safetensors" });
  const got = new Uint8Array(await blob.arrayBuffer());
  facts.same = got.length === weights.length && got.every((x, i) => x === weights[i]);
  facts.slice = Array.from(new Uint8Array(await blob.slice(1_000_000, 1_000_004).arrayBuffer())).join() === Array.from(weights.slice(1_000_000, 1_000_004)).join();
  facts.info = (await h.modelInfo({ ...at, name: "ada/js", additionalFields: ["sha", "tags"] })).task;
  facts.models = await all(h.listModels({ ...at, search: { owner: "ada", task: "text-classification" } }), (m) => m.name);
  facts.commits = await all(h.listCommits({ ...at, repo }), (c) => c.title);
  await h.deleteFile({ ...at, repo, path: "vocab.txt" });
  facts.left = await all(h.listFiles({ ...at, repo, recursive: true }), (f) => f.path);
  const rows = { type: "dataset", name: "ada/rows" };
  await h.createRepo({ ...at, repo: rows, private: true });
  await h.uploadFile({ ...at, repo: rows, file: { path: "train.jsonl", content: new Blob(['{"text": "a"}\n']) } });
  facts.datasets = await all(h.listDatasets({ ...at, search: { owner: "ada" } }), (d) => `${d.name} ${d.private}`);
  facts.stranger = await caught(() => all(h.listFiles({ hubUrl: market, repo: rows }), (f) => f.path));
  await h.deleteRepo({ ...at, repo });
  facts.gone = await h.repoExists({ ...at, repo });
}

async function large() {
  const h = await load("@huggingface/hub");
  const [token, path] = args;
  const repo = { type: "model", name: "ada/large" };
  const at = { hubUrl: market, accessToken: token.replace(/^xy_/, "hf_"), repo };
  await h.createRepo(at);
  await h.uploadFile({ ...at, file: { path: "weights.bin", content: pathToFileURL(path) }, useXet: false });
  facts.files = await all(h.listFiles(at), (f) => `${f.path} ${f.size}`);
}

async function run() {
  const t = await load("@huggingface/transformers");
  const [cache, name, ...texts] = args;
  t.env.remoteHost = market;
  t.env.allowLocalModels = false;
  t.env.cacheDir = cache;
  const classify = await t.pipeline("text-classification", name, { dtype: "fp32" });
  facts.said = [];
  for (const text of texts) facts.said.push((await classify(text, { top_k: null })).map((x) => [x.label, x.score]));
}

await { hub, large, run }[task]();
console.log(JSON.stringify(facts));
