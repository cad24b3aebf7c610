// Starts the program that runs models, WebAssembly that Go has made, and gives it a model. runner and model are the
// bytes of runner.wasm and of the model's archive, simd those of the module that multiplies matrices by vectors; where a
// browser has no vectors the program does without. Go is what wasm_exec.js defines.
async function xiaoyuStart(runner, simd, model) {
  const go = new globalThis.Go();
  let vectors = {};
  const names = ["gemm1x8", "gemm2x8", "gemm3x8", "gemm4x8"];
  go.importObject.simd128 = Object.fromEntries(names.map((name) => [name, (...args) => vectors[name]?.(...args)]));
  const { instance } = await WebAssembly.instantiate(runner, go.importObject);
  try {
    const made = await WebAssembly.instantiate(simd, { go: { mem: instance.exports.mem } });
    vectors = made.instance.exports;
  } catch {
    // The program finds its first product wrong, and takes its plain kernel.
  }
  go.run(instance);
  const check = (answer) => {
    if (answer?.error) throw new Error(answer.error);
    return answer;
  };
  const opened = check(globalThis.xiaoyuOpen(model));
  return {
    about: JSON.parse(opened.about),
    ask: (request) => JSON.parse(check(opened.ask(JSON.stringify(request)))),
  };
}
