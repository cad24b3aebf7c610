package samples

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/examples"
)

var dataSets = []sample{{"reviews", makeReviews}, {"questions", makeQuestions}}

// languages of the samples.
var languages = []string{"zh", "en"}

// parts of a data set, of ten rows each that many. Reviews of the last are in no package: benchmarks are made of them.
var parts = []struct {
	name string
	upto byte
}{{"train", 7}, {"validation", 8}, {sealed, 10}}

const sealed = "test"

// part decides by a text where its row belongs, so that the same text is in one part alone.
func part(text string) string {
	sum := sha256.Sum256([]byte(text))
	for _, p := range parts {
		if sum[0]%10 < p.upto {
			return p.name
		}
	}
	return parts[0].name
}

// rows collects JSON lines by file.
type rows map[string]*bytes.Buffer

func (r rows) add(file string, row any) error {
	b, err := json.Marshal(row)
	if err != nil {
		return err
	}
	if r[file] == nil {
		r[file] = new(bytes.Buffer)
	}
	r[file].Write(append(b, '\n'))
	return nil
}

// files are the lines with a card.
func (r rows) files(card string) map[string]string {
	out := map[string]string{"README.md": card}
	for name, b := range r {
		out[name] = b.String()
	}
	return out
}

// table lists how many rows each file has, in Markdown.
func (r rows) table() string {
	var b strings.Builder
	b.WriteString("| 文件 file | 行数 rows |\n|---|--:|\n")
	for _, name := range slices.Sorted(maps.Keys(r)) {
		fmt.Fprintf(&b, "| `%s` | %d |\n", name, bytes.Count(r[name].Bytes(), []byte("\n")))
	}
	return b.String()
}

// review is a row of the reviews.
type review struct {
	Text     string `json:"text"`
	Label    string `json:"label"`
	Category string `json:"category"`
}

func reviews(lang string) ([]review, error) {
	content, err := examples.Reviews(lang)
	if err != nil {
		return nil, err
	}
	table, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading the sample reviews: %w", err)
	}
	var list []review
	for _, row := range table[1:] {
		list = append(list, review{row[0], row[1], row[2]})
	}
	return list, nil
}

func makeReviews(_ context.Context, w *work, dir string) error {
	r := rows{}
	for _, lang := range languages {
		list, err := reviews(lang)
		if err != nil {
			return err
		}
		for _, row := range list {
			if part(row.Text) == sealed {
				continue
			}
			if err := r.add("data/"+lang+"/"+part(row.Text)+".jsonl", row); err != nil {
				return err
			}
		}
	}
	return write(dir, r.files(w.in(fmt.Sprintf(reviewsCard, r.table()))))
}

// question is a row of the questions, in the form that SQuAD has on the Hugging Face hub.
type question struct {
	ID       string  `json:"id"`
	Title    string  `json:"title"`
	Context  string  `json:"context"`
	Question string  `json:"question"`
	Answers  answers `json:"answers"`
}

type answers struct {
	Text  []string `json:"text"`
	Start []int    `json:"answer_start"`
}

func makeQuestions(_ context.Context, w *work, dir string) error {
	r := rows{}
	for _, lang := range languages {
		content, err := examples.Questions(lang)
		if err != nil {
			return err
		}
		var nested struct {
			Data []struct {
				Title      string
				Paragraphs []struct {
					Context string
					QAs     []struct {
						ID, Question string
						Answers      []struct {
							Text  string
							Start int `json:"answer_start"`
						}
					}
				}
			}
		}
		if err := json.Unmarshal(content, &nested); err != nil {
			return fmt.Errorf("reading the sample questions: %w", err)
		}
		for _, d := range nested.Data {
			for _, p := range d.Paragraphs {
				for _, q := range p.QAs {
					row := question{q.ID, d.Title, p.Context, q.Question, answers{[]string{}, []int{}}}
					for _, a := range q.Answers {
						row.Answers.Text, row.Answers.Start = append(row.Answers.Text, a.Text), append(row.Answers.Start, a.Start)
					}
					// All questions about a text go to one part.
					if err := r.add("data/"+lang+"/"+part(p.Context)+".jsonl", row); err != nil {
						return err
					}
				}
			}
		}
	}
	return write(dir, r.files(w.in(fmt.Sprintf(questionsCard, r.table()))))
}
