package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// autoFlags are the flags of automatic training.
type autoFlags struct {
	on      bool
	minutes float64
}

func (f *autoFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "auto", false, "pick model family and settings by trying, within --minutes")
	cmd.Flags().Float64Var(&f.minutes, "minutes", 5, "with --auto: time for everything, the training at the end included")
}

// run is `xiaoyu train --auto`.
func (f *autoFlags) run(cmd *cobra.Command, term *terminal, c *xiaoyu.Config, project *projectFlags, resume string, asJSON bool) error {
	if resume != "" && resume != "last" {
		return usageError{hint.Errorf("write --resume alone; it goes on with the latest", "xiaoyu train --auto --resume %s: it takes no run", resume)}
	}
	r, err := f.train(cmd, c, xiaoyu.AutoOptions{Observer: term, Resume: resume != "", Family: project.family, Set: project.set})
	if err != nil {
		return err
	}
	return autoText(term, r, asJSON)
}

func (f *autoFlags) train(cmd *cobra.Command, c *xiaoyu.Config, o xiaoyu.AutoOptions) (*xiaoyu.AutoResult, error) {
	if !(f.minutes >= 0.1 && f.minutes <= 100_000) {
		return nil, usageError{hint.Errorf("give it a tenth of a minute or more", "--minutes %g", f.minutes)}
	}
	o.Minutes, o.Command = f.minutes, os.Args
	return xiaoyu.Auto(cmd.Context(), c, o)
}

// autoText prints what an automatic training brought, and why.
func autoText(term *terminal, r *xiaoyu.AutoResult, asJSON bool) error {
	term.endStage()
	page := r.Study.Dir + "/study.html"
	if err := writeStudyPage(page, r.Study); err != nil {
		return err
	}
	if asJSON {
		return term.printJSON(map[string]any{"train": r.Result, "story": r.Story, "study": r.Study.Dir, "trials": r.Study.Trials()})
	}
	resultText(term, r.Result)
	fmt.Fprintf(term.out, "\nhow it was chosen (%s):\n", page)
	for _, line := range r.Story {
		fmt.Fprintf(term.out, "  – %s\n", line)
	}
	return nil
}
