// A model that runs here, without a server: in a browser and in Node.
//
//   import { open } from "./index.js";
//   const model = await open();
//   model.predict(["房间很干净"]);
import "./wasm_exec.js";

/* CORE */
const read = async (name) => {
  const url = new URL(name, import.meta.url);
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    return new Uint8Array(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`loading ${url}: status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
};

/** Loads the program and the model beside this file. */
export async function open() {
  const parts = await Promise.all(["runner.wasm", "simd128.wasm", "model.zip"].map(read));
  const { about, ask } = await xiaoyuStart(...parts);
  const split = (items) => {
    const pairs = items.filter(Array.isArray);
    if (pairs.length && pairs.length !== items.length) throw new TypeError("texts and pairs of texts cannot be mixed");
    return pairs.length ? { texts: items.map((i) => i[0]), pairs: items.map((i) => i[1]) } : { texts: items };
  };
  return {
    about,
    predict: (texts, { top = 0, explain = false } = {}) => ask({ ...split(texts), top_k: top, explain }).predictions,
  };
}
