package data

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Resolve sets the task, and what rows need for it. Of "auto", the first rows decide: labelled stretches without labels of
// whole texts mean tags, all else classes. Standard input cannot be looked at and read again.
func (c *Config) Resolve(ctx context.Context, task string) error {
	if task == "auto" {
		task = Classes
		if c.Path != "" && c.Path != "-" {
			found, err := looksTagged(ctx, c)
			if err != nil {
				return err
			}
			if found {
				task = Tags
			}
		}
	}
	switch c.Task = task; {
	case task == Tags:
		c.Rows.Duplicates = false // a sentence that occurs twice is two sentences
	case task == Similarity && c.Pair == "":
		return hint.Errorf("name the column of the second text: --pair COLUMN", "task embedding is learnt from pairs of texts: data.pair is not set")
	case task == Similarity && c.Negative != "" && c.Label != "":
		return hint.Errorf("pass --label \"\", or leave out data.negative", "task embedding: a column of texts that do not belong (data.negative) is for pairs without scores")
	case task == Similarity && c.Label == "":
		c.Rows.Unlabelled = false // there is nothing to lack
	}
	return nil
}

func looksTagged(ctx context.Context, c *Config) (bool, error) {
	r, err := Open(ctx, c.Path, c.Columns)
	if err != nil {
		return false, err
	}
	defer r.Close()
	if r.Format() == "conll" {
		return true, nil
	}
	const looked = 200
	rows, tagged := 0, false
	for e, err := range r.All() {
		if err != nil || e.Label != "" {
			return false, nil // whoever reads all of it will say what is wrong
		}
		tagged = tagged || len(e.Entities) > 0
		if rows++; rows == looked {
			break
		}
	}
	return tagged, nil
}
