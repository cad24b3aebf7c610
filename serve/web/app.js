// The page to try a model: sends the text to /v1/predict and draws the answer.

const $ = (id) => document.getElementById(id);
const form = $("try"), text = $("text"), result = $("result"), error = $("error");

$("origin").textContent = location.origin;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  predict(text.value);
});

text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

for (const button of document.querySelectorAll(".example")) {
  button.addEventListener("click", () => {
    text.value = button.textContent;
    form.requestSubmit();
  });
}

let latest = 0; // a slow answer must not overwrite a newer one

async function predict(value) {
  const mine = ++latest;
  const submit = form.querySelector("button");
  submit.disabled = true;
  try {
    const response = await fetch("/v1/predict", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ texts: [value], top_k: 10, explain: true }),
    });
    const answer = await response.json();
    if (mine !== latest) return;
    if (!response.ok) throw new Error(result.dataset.failed + answer.error);
    show(value, answer.predictions[0]);
    error.hidden = true;
  } catch (e) {
    if (mine !== latest) return;
    error.textContent = e instanceof TypeError ? result.dataset.unreachable : e.message;
    error.hidden = false;
    result.hidden = true;
  } finally {
    submit.disabled = false;
  }
}

function show(value, prediction) {
  $("label").textContent = prediction.label;
  $("scores").replaceChildren(...prediction.scores.map(score));
  $("words").replaceChildren(...marks(value, prediction.words ?? []));
  result.hidden = false;
}

function score({ label, probability }) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = label;
  const share = document.createElement("span");
  share.textContent = (100 * probability).toFixed(1) + " %";
  const meter = document.createElement("meter");
  meter.value = probability;
  meter.setAttribute("aria-label", label);
  item.append(name, share, meter);
  return item;
}

// marks returns the text as nodes, in which the words stand out by what they did. Offsets count bytes of UTF-8.
function marks(value, words) {
  const bytes = new TextEncoder().encode(value);
  const decode = (from, to) => new TextDecoder().decode(bytes.subarray(from, to));
  const most = Math.max(...words.map((w) => Math.abs(w.weight)), 1e-9);
  const nodes = [];
  let at = 0;
  for (const word of words) {
    if (word.start > at) nodes.push(document.createTextNode(decode(at, word.start)));
    const mark = document.createElement("mark");
    mark.textContent = decode(word.start, word.end);
    const weight = word.weight / most;
    if (Math.abs(weight) > 0.08) {
      mark.className = weight > 0 ? "for" : "against";
      mark.style.setProperty("--w", Math.abs(weight).toFixed(2));
      mark.title = `${weight > 0 ? result.dataset.supports : result.dataset.against}: ${word.weight.toFixed(2)}`;
    }
    nodes.push(mark);
    at = word.end;
  }
  nodes.push(document.createTextNode(decode(at, bytes.length)));
  return nodes;
}
