// The page of one file: everything that it needs stands in it, compressed and in base64.
globalThis.xiaoyuAsk = await (async () => {
  const wanted = new URLSearchParams(location.search).get("lang") ?? navigator.language;
  const lang = wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  document.body.replaceChildren(document.getElementById(lang).content);
  for (const template of document.querySelectorAll("template")) template.remove();
  const bytes = async (id) => {
    const element = document.getElementById(id);
    const text = element.textContent.trim();
    element.remove(); // several megabytes
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  const speed = document.getElementById("speed");
  const say = (key, values) => {
    speed.textContent = speed.dataset[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  };
  const start = performance.now();
  const ready = Promise.all([bytes("runner"), bytes("vectors"), bytes("model")]).then((parts) => xiaoyuStart(...parts));
  ready.then(
    ({ about }) => say("ready", { kernel: about.kernel, ms: Math.round(performance.now() - start) }),
    (e) => say("failed", { why: e.message }),
  );
  return async (request) => {
    const { ask, about } = await ready;
    const { explain, ...alone } = request;
    const before = performance.now();
    const answer = ask(alone);
    const ms = performance.now() - before;
    say("took", { ms: ms < 10 ? ms.toFixed(1) : Math.round(ms), kernel: about.kernel });
    return explain ? ask(request) : answer;
  };
})();
