// Questions to a model are sent without leaving the page; without this script the form loads it anew.
const form = document.querySelector(".try form"), answer = document.getElementById("answer");

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  data.set("part", "answer");
  form.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(data) });
    const type = response.headers.get("Content-Type") ?? "";
    if (!type.startsWith("text/html") || response.headers.get("X-Part") !== "answer") throw new Error("not an answer");
    answer.replaceChildren(...new DOMParser().parseFromString(await response.text(), "text/html").body.childNodes);
  } catch {
    form.submit();
  } finally {
    form.removeAttribute("aria-busy");
  }
});

form?.querySelector("textarea").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
