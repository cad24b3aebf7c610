// The page to try a model: sends the text to /v1/predict, or asks the model in the page, and draws the answer.

const $ = (id) => document.getElementById(id);
const form = $("try"), text = $("text"), pair = $("pair"), result = $("result"), error = $("error");

if ($("origin")) $("origin").textContent = location.origin;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  predict(text.value, pair?.value);
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

async function predict(value, second) {
  const mine = ++latest;
  const submit = form.querySelector("button");
  submit.disabled = true;
  try {
    const request = { texts: [value], pairs: second === undefined ? undefined : [second], top_k: 10, explain: true };
    const answer = await (globalThis.xiaoyuAsk ?? post)(request);
    if (mine !== latest) return;
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

// post asks the server.
async function post(request) {
  const response = await fetch("/v1/predict", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(result.dataset.failed + answer.error);
  return answer;
}

// show draws an answer of any head: labels with scores, tokens for each mask, a number, or stretches marked in the text.
function show(value, prediction) {
  const none = result.dataset.none;
  if (prediction.answers) {
    const none = result.dataset.noAnswer;
    $("label").textContent = prediction.answer || none;
    $("scores").replaceChildren(...prediction.answers.map(({ answer, probability }) => score({ label: answer || none, probability })));
    $("words").replaceChildren(...highlighted(value, prediction));
  } else if (prediction.entities) {
    $("label").textContent = prediction.entities.length || none;
    $("scores").replaceChildren();
    $("words").replaceChildren(...entities(value, prediction.entities));
  } else if (prediction.masks) {
    $("label").textContent = prediction.masks.map((guesses) => guesses[0].label).join(" / ") || none;
    $("scores").replaceChildren(...prediction.masks.flat().map(score));
    $("words").replaceChildren();
  } else {
    $("label").textContent = prediction.label ?? (prediction.labels ? prediction.labels.join(", ") || none : prediction.score.toPrecision(5));
    $("scores").replaceChildren(...(prediction.scores ?? []).map(score));
    $("words").replaceChildren(...marks(value, prediction.words ?? []));
  }
  for (const part of document.querySelectorAll(".explained")) part.hidden = !prediction.words;
  $("words").hidden = !prediction.words && !prediction.entities && !prediction.answers;
  result.hidden = false;
}

// highlighted returns the text as nodes, with the answer marked. Its places count characters, not units of UTF-16.
function highlighted(value, { start, end, probability }) {
  const characters = Array.from(value);
  const part = (from, to) => document.createTextNode(characters.slice(from, to).join(""));
  if (end <= start) return [part(0)];
  const mark = document.createElement("mark");
  mark.className = "for";
  mark.style.setProperty("--w", (0.3 + 0.5 * probability).toFixed(2));
  mark.title = `${(100 * probability).toFixed(1)} %`;
  mark.append(part(start, end));
  return [part(0, start), mark, part(end)];
}

// entities returns the text as nodes, with each entity marked and its label behind it.
function entities(value, found) {
  const bytes = new TextEncoder().encode(value);
  const decode = (from, to) => document.createTextNode(new TextDecoder().decode(bytes.subarray(from, to)));
  const nodes = [];
  let at = 0;
  for (const { start, end, label, probability } of found) {
    const mark = document.createElement("mark");
    const name = document.createElement("small");
    name.textContent = " " + label;
    mark.className = "for";
    mark.style.setProperty("--w", (0.3 + 0.5 * probability).toFixed(2));
    mark.title = `${label}: ${(100 * probability).toFixed(1)} %`;
    mark.append(decode(start, end), name);
    nodes.push(decode(at, start), mark);
    at = end;
  }
  nodes.push(decode(at, bytes.length));
  return nodes;
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
