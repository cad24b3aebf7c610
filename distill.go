package xiaoyu

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/distill"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Distill is the `distill` part of xiaoyu.yaml.
type Distill struct {
	Teacher       []string        `yaml:"teacher" json:"teacher,omitempty" doc:"who teaches: folders of models or references (hf://…), files of soft labels (JSON lines with text and probabilities), or addresses of services with an OpenAI-style chat API (https://…/v1: distill.service); the probabilities of several are averaged; empty for labels alone" default:""`
	Weight        float64         `yaml:"weight" json:"weight,omitempty" doc:"share of the teacher in what a labelled text teaches; the label has the rest" default:"0.7" min:"0" max:"1"`
	Temperature   float64         `yaml:"temperature" json:"temperature,omitempty" doc:"what the logits of teacher and student are divided by before they are compared: above 1, what the teacher finds improbable counts more" default:"2" min:"0.1" max:"100"`
	Texts         []string        `yaml:"texts" json:"texts,omitempty" doc:"files of texts without labels that the teacher labels beside those of data.path: of any format that data.path may have, or plain lines as .txt" default:""`
	Column        string          `yaml:"column" json:"column,omitempty" doc:"column of the text in distill.texts; data.text if empty" default:""`
	Init          string          `yaml:"init" json:"init,omitempty" doc:"what the student begins with: fresh weights and tokens of its own; tokenizer (fresh weights, but it reads its teacher's tokens); or layers (those of the teacher that distill.every or distill.layers choose, its embeddings and its head; model.family is the teacher's then)" default:"fresh" enum:"fresh|tokenizer|layers"`
	Every         int             `yaml:"every" json:"every,omitempty" doc:"distill.init layers: every so manieth layer of the teacher, counted from the last" default:"2" min:"1" max:"1000"`
	Layers        []int           `yaml:"layers" json:"layers,omitempty" doc:"these layers of the teacher instead, numbers from 1, rising; distill.hidden compares the student's with them, one by one" default:"" min:"1" max:"1000"`
	Relations     float64         `yaml:"relations" json:"relations,omitempty" doc:"weight of how tokens relate to each other in the last layers' queries, keys and values of teacher and student (MiniLM), which may differ in width and heads but must read the same tokens; 0 for off (encoder, transformer)" default:"0" min:"0" max:"1000000"`
	RelationHeads int             `yaml:"relation_heads" json:"relation_heads,omitempty" doc:"parts in which relations are compared, which divide the widths of both; 0 for as many as the teacher has heads, or fewer that do" default:"0" min:"0" max:"4096"`
	Hidden        float64         `yaml:"hidden" json:"hidden,omitempty" doc:"weight of the distance of all layers' states from those of the teacher's layers, through a projection that is learnt where widths differ (TinyBERT); 0 for off (encoder, transformer)" default:"0" min:"0" max:"1000000"`
	Embedding     float64         `yaml:"embedding" json:"embedding,omitempty" doc:"weight of the distance of the state that the head reads from the teacher's, through a projection that is learnt where widths differ; the teacher may read other tokens; 0 for off (all but ngram)" default:"0" min:"0" max:"1000000"`
	Distance      string          `yaml:"distance" json:"distance,omitempty" doc:"what distill.embedding makes small: cosine (one less the cosine) or mse (the mean square)" default:"cosine" enum:"cosine|mse"`
	Augment       distill.Augment `yaml:"augment" json:"augment,omitzero" doc:"texts that are made of those of the training part, for the teacher to label"`
	Service       distill.Service `yaml:"service" json:"service,omitzero" doc:"how a service is asked, where distill.teacher names one"`
	MaxTexts      int             `yaml:"max_texts" json:"max_texts,omitempty" doc:"texts without a label that are learnt from, rows of the data and then distill.texts, the first ones; 0 for all" default:"0" min:"0" max:"1000000000"`
}

// lesson is what a training has from its teacher.
type lesson struct {
	teacher  distill.Teacher
	transfer []data.Row   // texts without a label
	inside   *model.Model // of the first teacher, where that is one model
	vectors  int          // width of data.Row.Vector; 0 where there are none
}

// openTeacher opens the teacher that the configuration names; nil without one.
func (t *training) openTeacher(ctx context.Context) error {
	c := &t.config
	c.Train.Imitation = nil // of an earlier training, whose configuration this one may have
	if len(c.Distill.Teacher) == 0 {
		if len(c.Distill.Texts) > 0 && c.Model.Base == "" { // else a recipe may do without
			return hint.Errorf("name one in distill.teacher", "distill.texts: there is no teacher to label them")
		}
		return nil
	}
	var teachers []distill.Teacher
	l := &lesson{}
	closeAll := func() {
		for _, one := range teachers {
			one.Close()
		}
	}
	for i, name := range c.Distill.Teacher {
		one, m, err := t.openOne(ctx, name)
		if err != nil {
			closeAll()
			return err
		}
		if i == 0 && m != nil && m.Ensemble == nil {
			l.inside = m
		}
		teachers = append(teachers, one)
	}
	teacher, err := distill.Average(teachers)
	if err != nil {
		closeAll()
		return err
	}
	l.teacher, t.lesson = teacher, l
	return nil
}

// openOne opens a teacher by its name, with the model that it is, if it is one.
func (t *training) openOne(ctx context.Context, name string) (distill.Teacher, *model.Model, error) {
	c := &t.config
	if strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
		one, err := distill.NewService(name, c.Distill.Service, c.Model.Head, t.set.Labels, c.Model.Pair)
		if err != nil {
			return nil, nil, err
		}
		return t.remembering(one, nil)
	}
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		t.Stage("soft labels", 0, "lines")
		o := distill.FileOptions{Head: c.Model.Head, Pair: c.Model.Pair, Text: c.Data.Text, Other: c.Data.Pair}
		if c.Task != data.Tags { // whose rows stay as they are
			o.Clean = &c.Data.Clean
		}
		one, err := distill.NewFile(ctx, name, o, func(lines int) { t.Progress(int64(lines), "") })
		return one, nil, err
	}
	m, err := openReference(ctx, name, t)
	if err != nil {
		return nil, nil, err
	}
	if sameFolder(m.Package.Dir, t.config.packageDir()) {
		m.Package.Close()
		return nil, nil, hint.Errorf("choose another folder: --out DIR, or out in xiaoyu.yaml", "the student would take the place of its teacher %s", name)
	}
	one, err := distill.NewModel(m, name)
	if err != nil {
		m.Package.Close()
		return nil, nil, err
	}
	return t.remembering(one, m)
}

// remembering gives a teacher its memory.
func (t *training) remembering(one distill.Teacher, m *model.Model) (distill.Teacher, *model.Model, error) {
	c, err := distill.Cached(one, filepath.Join(t.config.Runs, opinionsDir))
	if err != nil {
		one.Close()
		return nil, nil, err
	}
	return c, m, nil
}

// sameFolder tells whether two paths lead to one folder.
func sameFolder(a, b string) bool {
	first, err := os.Stat(a)
	second, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(first, second)
}

// opinionsDir is the folder, in that of the runs, of what teachers have said.
const opinionsDir = "opinions"

// closeTeacher ends the lesson, if there is one.
func (t *training) closeTeacher() error {
	if t.lesson == nil {
		return nil
	}
	return t.lesson.teacher.Close()
}

// teach asks the teacher about the texts that the student learns from.
func (t *training) teach(ctx context.Context) error {
	if t.lesson == nil {
		return nil
	}
	c, l := &t.config, t.lesson
	about := l.teacher.About()
	if err := about.Check(c.Model.Head, t.set.Labels, c.Model.Pair); err != nil {
		return err
	}
	own, elsewhere, err := t.unlabelledTexts(ctx)
	if err != nil {
		return err
	}
	made, err := t.augmented(ctx)
	if err != nil {
		return err
	}
	l.transfer = slices.Concat(own, elsewhere, made)
	parts := []([]data.Row){t.set.Parts[data.Train], l.transfer}
	if c.Train.Refit {
		parts = append(parts, t.set.Parts[data.Validation])
	}
	var rows []*data.Row
	for _, part := range parts {
		for i := range part {
			rows = append(rows, &part[i])
		}
	}
	queries := make([]model.Query, len(rows))
	for i, r := range rows {
		queries[i] = model.Query{Text: r.Text, Pair: r.Pair}
	}
	opinions, err := t.ask(ctx, "teacher", queries)
	if err != nil {
		return err
	}
	for i, r := range rows {
		if opinions[i].Logits == nil {
			continue
		}
		r.Opinion = &opinions[i]
		if r.NoTruth {
			p := distill.Predict(about, t.set.Labels, r.Text, r.Opinion)
			*r = t.answered(*r, &p)
		}
	}
	if err := t.imitate(ctx, rows); err != nil {
		return err
	}
	l.transfer = slices.DeleteFunc(l.transfer, func(r data.Row) bool { return r.Opinion == nil })
	c.Train.Temperature = c.Distill.Temperature
	t.Note("teacher: %s, about %d texts, %d of them without a label", about.Name, len(rows), len(l.transfer))
	t.noteBill()
	return nil
}

// noteBill tells what services have cost.
func (t *training) noteBill() {
	bill, ok := distill.Bill(t.lesson.teacher)
	if !ok || bill.Requests == 0 {
		return
	}
	cost := ""
	if bill.Cost > 0 {
		cost = fmt.Sprintf(", which cost %.4g by distill.service", bill.Cost)
	}
	t.Note("asked of the service: %d questions, %d tokens, %d of answers%s; %d answers were unclear", bill.Requests, bill.TokensIn, bill.TokensOut, cost, bill.Unclear)
}

// ask shows a stage while the teacher is asked.
func (t *training) ask(ctx context.Context, stage string, queries []model.Query) ([]data.Opinion, error) {
	l := t.lesson
	t.Stage(stage, int64(len(queries)), "texts")
	before := distill.Known(l.teacher)
	return distill.Ask(ctx, l.teacher, t.set.Labels, queries, func(done int) {
		detail := ""
		if known := distill.Known(l.teacher) - before; known > 0 {
			detail = fmt.Sprintf("%d from memory", known)
		}
		t.Progress(int64(done), detail)
	})
}

// answered returns a row with a prediction in the place of the truth.
func (t *training) answered(r data.Row, p *model.Prediction) data.Row {
	switch t.config.Model.Head {
	case model.RegressionHead:
		r.Score = p.Score
	case model.MultiLabelHead:
		r.Labels = nil
		for c, label := range t.set.Labels {
			if slices.Contains(p.Labels, label) {
				r.Labels = append(r.Labels, int32(c))
			}
		}
	case model.TokensHead:
		r.Entities = nil
		for _, e := range p.Entities {
			r.Entities = append(r.Entities, data.Entity{Start: e.Start, End: e.End, Label: e.Label})
		}
	default:
		r.Class = p.Class
	}
	return r
}

// lessons are the rows to learn from: those of the training part, and those that the teacher alone has labelled.
func (t *training) lessons() []data.Row {
	rows := t.set.Parts[data.Train]
	if t.lesson == nil {
		return rows
	}
	return append(rows[:len(rows):len(rows)], t.lesson.transfer...)
}

// softTarget appends to a set's targets what the teacher says of a row, whose tokens lie at places, and how much truth
// and teacher count.
func (t *training) softTarget(y *model.Targets, r *data.Row, places []text.Span) {
	outputs := len(t.model.Labels)
	weight := float32(t.config.Distill.Weight)
	switch {
	case r.Opinion == nil:
		weight = 0
	case r.NoTruth:
		weight = 1
	}
	if t.lesson != nil && t.lesson.vectors > 0 {
		n := t.lesson.vectors
		y.Vectors = append(y.Vectors, r.Vector...)
		if r.Vector == nil {
			y.Vectors = append(y.Vectors, make([]float32, n)...)
		}
	}
	y.Weights, y.SoftWeights = append(y.Weights, 1-weight), append(y.SoftWeights, weight)
	tokens := t.model.Config.Head == model.TokensHead
	switch {
	case r.Opinion != nil && tokens:
		y.Soft = append(y.Soft, model.SoftTags(r.Opinion.Logits, r.Opinion.Places, places, outputs)...)
	case r.Opinion != nil:
		y.Soft = append(y.Soft, r.Opinion.Logits...)
	case tokens:
		y.Soft = append(y.Soft, make([]float32, len(places)*outputs)...)
	default:
		y.Soft = append(y.Soft, make([]float32, outputs)...)
	}
}

// origin tells lineage.json who the teacher was.
func (l *lesson) origin() *taughtBy {
	if l == nil {
		return nil
	}
	a := l.teacher.About()
	return &taughtBy{Teacher: a.Name, Digest: a.Digest, Texts: len(l.transfer)}
}

// taughtBy is the part of lineage.json that names the teacher.
type taughtBy struct {
	Teacher string `json:"teacher"`
	Digest  string `json:"digest"`
	Texts   int    `json:"texts_without_label"`
}
