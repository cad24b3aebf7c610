package data

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Resolve sets the task, and what rows need for it. Of "auto", the first rows decide: labelled stretches without labels of
// whole texts mean tags, questions with answers about texts mean answers, all else classes. Standard input cannot be looked at and read again.
func (c *Config) Resolve(ctx context.Context, task string) error {
	if task == "auto" {
		task = Classes
		if c.Path != "" && c.Path != "-" {
			var err error
			if task, err = looksLike(ctx, c); err != nil {
				return err
			}
		}
	}
	switch c.Task = task; {
	case task == Tags:
		c.Rows.Duplicates = false // a sentence that occurs twice is two sentences
	case task == Answers:
		c.SuitQuestions()
		c.Rows.Unlabelled = false // a question without an answer is an example too
		// Windows read texts of any length, and a part of one may lack the answer; questions about one text are near doubles.
		c.Rows.MaxChars, c.Rows.NearDoubles = 0, 0
	case task == Similarity && c.Pair == "":
		return hint.Errorf("name the column of the second text: --pair COLUMN", "task embedding is learnt from pairs of texts: data.pair is not set")
	case task == Similarity && c.Negative != "" && c.Label != "":
		return hint.Errorf("pass --label \"\", or leave out data.negative", "task embedding: a column of texts that do not belong (data.negative) is for pairs without scores")
	case task == Similarity && c.Label == "":
		c.Rows.Unlabelled = false // there is nothing to lack
	}
	return nil
}

// SuitQuestions names the columns of questions about texts where nobody has named others: context, question, answers.
func (c *Columns) SuitQuestions() {
	if c.Text == "text" || c.Text == "" {
		c.Text = "context"
	}
	if c.Pair == "" {
		c.Pair = "question"
	}
	if c.Label == "label" {
		c.Label = "answers"
	}
}

// looksLike tells the task of the first rows.
func looksLike(ctx context.Context, c *Config) (string, error) {
	r, err := Open(ctx, c.Path, c.Columns)
	if err != nil {
		return "", err
	}
	defer r.Close()
	if r.Format() == "conll" {
		return Tags, nil
	}
	const looked = 200
	rows, tagged, answered := 0, false, false
	for e, err := range r.All() {
		if err != nil || e.Label != "" {
			return Classes, nil // whoever reads all of it will say what is wrong
		}
		tagged = tagged || len(e.Entities) > 0
		answered = answered || len(e.Answers) > 0 && e.Pair != ""
		if rows++; rows == looked {
			break
		}
	}
	switch {
	case answered:
		return Answers, nil
	case tagged:
		return Tags, nil
	}
	return Classes, nil
}
