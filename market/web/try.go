package web

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

// trial is the part of a package's page where its model is asked.
type trial struct {
	Action   string // of the form
	Pair     bool   // there are two texts
	Question bool   // of which the second is a question
	Examples []pack.Example
	Asked    try.Question
	Answer   *answered // nil before the first question
	Failure  string    // why there is none
}

// answered is an answer as it is drawn.
type answered struct {
	Headline string
	Bars     []bar
	Marked   []piece // the text with what stands out in it
	Words    bool    // Marked shows which words mattered
	Written  string  // by the model, behind the text
	Vector   int     // length of the embedding
	First    string  // numbers of it
	Milli    float64
	Dropped  int
}

// bar is a share of the whole.
type bar struct {
	Label   string
	Percent string
	Width   float64 // 0 to 100
}

// piece is a stretch of a text.
type piece struct {
	Text, Class, Label, Title string
}

// trialOf returns nil for what cannot be asked.
func trialOf(p *repository, card *pack.Card) *trial {
	if !try.Can(p.Kind, p.Files) {
		return nil
	}
	t := &trial{Action: "/" + p.FullName() + "/try", Question: p.Task == "question-answering"}
	if p.Asked != "" {
		t.Action += "?version=" + p.Asked
	}
	t.Pair = t.Question || slices.Contains(p.Labels[catalogue.Tag], "text-pair")
	if card != nil {
		t.Examples = card.Examples
	}
	return t
}

// mostForm bounds a form with a question, in bytes.
const mostForm = 256 << 10

// ask answers the form: the page again with the answer in it, or the answer alone for a script.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request) (string, string, any, error) {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if err := r.ParseForm(); err != nil {
		return "", "", nil, hint.Wrap(errors.Join(catalogue.ErrInvalid, err), "write a shorter text", "the question")
	}
	p, err := h.describe(r)
	if err != nil {
		return "", "", nil, err
	}
	if p.Trial == nil {
		return "", "", nil, catalogue.ErrNotFound
	}
	t := p.Trial
	t.Asked = try.Question{Text: r.PostForm.Get("text"), Pair: r.PostForm.Get("pair"), Explain: true}
	if i, err := strconv.Atoi(r.PostForm.Get("example")); err == nil && i >= 0 && i < len(t.Examples) {
		t.Asked.Text, t.Asked.Pair = t.Examples[i].Text, t.Examples[i].Pair
	}
	a, err := h.desk.Ask(r.Context(), visitor(r), auth.Client(visitor(r), r), p.Repository, p.Asked, t.Asked)
	switch {
	case err == nil:
		t.Answer = draw(a, t.Asked)
	case r.Context().Err() != nil:
		return "", "", nil, err
	default:
		w := vocabulary[lang(r)]
		if t.Failure = w.failure(err); t.Failure == "" {
			return "", "", nil, err
		}
	}
	if r.PostForm.Get("part") == "answer" {
		return "answer", p.FullName(), p, nil
	}
	return "package", p.FullName(), p, nil
}

// failure says why a model has not answered; "" for failures of the market.
func (w *words) failure(err error) string {
	for _, f := range []struct {
		is  error
		say string
	}{{try.ErrBusy, w.TryBusy}, {try.ErrTime, w.TryTime}, {try.ErrMemory, w.TryMemory}, {try.ErrCrash, w.TryCrash}} {
		if errors.Is(err, f.is) {
			return f.say
		}
	}
	if errors.Is(err, try.ErrModel) || errors.Is(err, try.ErrQuestion) {
		return strings.TrimSuffix(err.Error()+"; "+hint.Way(err), "; ")
	}
	return ""
}

func percent(p float64) string { return strconv.FormatFloat(100*p, 'f', 1, 64) + " %" }

func share(s try.Score) bar {
	return bar{Label: s.Label, Percent: percent(s.Probability), Width: math.Round(1000*min(max(s.Probability, 0), 1)) / 10}
}

func draw(a *try.Answer, q try.Question) *answered {
	out := &answered{Milli: a.Milli, Dropped: a.Dropped, Written: a.Generated}
	for _, s := range a.Scores {
		out.Bars = append(out.Bars, share(s))
	}
	switch {
	case a.Label != "":
		out.Headline = a.Label
	case a.Score != nil:
		out.Headline = strconv.FormatFloat(*a.Score, 'g', 5, 64)
	case len(a.Labels) > 0:
		out.Headline = strings.Join(a.Labels, ", ")
	case len(a.Answers) > 0:
		out.Headline = cmp.Or(a.Answers[0].Text, "∅")
		for _, s := range a.Answers {
			out.Bars = append(out.Bars, share(try.Score{Label: cmp.Or(s.Text, "∅"), Probability: s.Probability}))
		}
	case len(a.Masks) > 0:
		for _, guesses := range a.Masks {
			for _, s := range guesses {
				out.Bars = append(out.Bars, share(s))
			}
		}
	case a.Head == "tokens" || a.Head == "replaced":
		out.Marked = entities(q.Text, a.Entities)
	case len(a.Embedding) > 0:
		out.Vector = len(a.Embedding)
		for _, v := range a.Embedding[:min(8, len(a.Embedding))] {
			out.First += strconv.FormatFloat(float64(v), 'f', 3, 32) + " "
		}
	}
	if len(a.Words) > 0 {
		out.Words, out.Marked = true, influence(q.Text, a.Words)
	}
	return out
}

// entities cuts a text at what the model has named in it.
func entities(text string, list []try.Entity) (out []piece) {
	at := 0
	for _, e := range list {
		if e.Start < at || e.End < e.Start || e.End > len(text) {
			continue
		}
		if e.Start > at {
			out = append(out, piece{Text: text[at:e.Start]})
		}
		out = append(out, piece{Text: text[e.Start:e.End], Class: "entity", Label: e.Label, Title: e.Label + " " + percent(e.Probability)})
		at = e.End
	}
	return append(out, piece{Text: text[at:]})
}

// influence cuts a text into words, the class of which says how strongly they spoke for the label or against it: for1 to
// for4, against1 to against4.
func influence(text string, list []try.Word) (out []piece) {
	most := 1e-9
	for _, w := range list {
		most = max(most, math.Abs(w.Weight))
	}
	at := 0
	for _, w := range list {
		if w.Start < at || w.End < w.Start || w.End > len(text) {
			continue
		}
		if w.Start > at {
			out = append(out, piece{Text: text[at:w.Start]})
		}
		p := piece{Text: text[w.Start:w.End], Title: fmt.Sprintf("%+.2f", w.Weight)}
		if strength := int(math.Ceil(4*math.Abs(w.Weight)/most - 0.1)); strength > 0 {
			p.Class = map[bool]string{true: "for", false: "against"}[w.Weight > 0] + strconv.Itoa(min(strength, 4))
		}
		out = append(out, p)
		at = w.End
	}
	return append(out, piece{Text: text[at:]})
}
