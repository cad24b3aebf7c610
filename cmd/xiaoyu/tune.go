package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tune"
)

// tuneFlags are the flags of `xiaoyu tune`.
type tuneFlags struct {
	space, objective       []string
	trials, parallel       int
	minutes                float64
	sampler, pruner, study string
	write, html            string
	resume, noTrain        bool
}

func tuneCommand(term *terminal) *cobra.Command {
	var project projectFlags
	var columns columnFlags
	var f tuneFlags
	var runs string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tune",
		Short: "Search for better settings by training with many, then train with the best",
		Long: `Tune trains with settings from a space and judges each on the validation part; the test part is looked
at once, by the training with the best settings at the end. The space is tune.space in xiaoyu.yaml, or:

  xiaoyu tune --space train.learning_rate=log:1e-4..1e-2 --space model.filters=50..200/10 \
              --space model.family=cnn,lstm,ngram --trials 40

Keys that a family does not read are searched for the others alone. The record is a study in runs/studies; a
search that was interrupted or killed goes on with --resume.`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.config(cmd, &project, &columns, runs)
			if err != nil {
				return err
			}
			term.quiet = asJSON && !term.live
			o := xiaoyu.TuneOptions{Observer: term, Study: f.study, Resume: f.resume, Set: project.set}
			r, err := xiaoyu.Tune(cmd.Context(), c, o)
			if err != nil {
				return err
			}
			return f.finish(cmd, term, r, asJSON)
		},
	}
	project.add(cmd)
	columns.add(cmd, true)
	columns.addParts(cmd)
	f.add(cmd)
	cmd.PersistentFlags().StringVar(&runs, "runs", "", "folder of the runs, in whose studies the searches are; otherwise as the project says")
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.AddCommand(tuneShow(term, &runs, &asJSON), tuneList(term, &runs, &asJSON), tuneDelete(term, &runs))
	return cmd
}

func (f *tuneFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.space, "space", nil, "a key and where it is searched: KEY=log:1e-4..1e-2, KEY=50..200/10, KEY=A,B,C; may be given many times")
	flags.StringSliceVar(&f.objective, "objective", nil, "what is sought: accuracy, macro_f1, loss, latency, size, seconds; several with commas (default accuracy)")
	flags.IntVar(&f.trials, "trials", 0, "trainings in all (default 50)")
	flags.Float64Var(&f.minutes, "minutes", 0, "time for the search, without the training at the end")
	flags.IntVar(&f.parallel, "parallel", 0, "trials at once (default 1)")
	flags.StringVar(&f.sampler, "sampler", "", "tpe or random (default tpe)")
	flags.StringVar(&f.pruner, "pruner", "", "asha or none: whether poor trials end early (default asha)")
	flags.StringVar(&f.study, "study", "", "name of the study; otherwise the project's name, or with --resume the latest")
	flags.BoolVar(&f.resume, "resume", false, "go on with a study")
	flags.BoolVar(&f.noTrain, "no-train", false, "end after the search, without training with the best settings")
	flags.StringVar(&f.write, "write", "", "write the best settings to this file, as a xiaoyu.yaml")
	flags.StringVar(&f.html, "html", "", "write the study as a web page to this file")
}

// config returns the project's configuration with the flags in its tune section.
func (f *tuneFlags) config(cmd *cobra.Command, project *projectFlags, columns *columnFlags, runs string) (*xiaoyu.Config, error) {
	c, err := project.load(cmd, columns.data != "" || f.resume)
	if err != nil {
		return nil, err
	}
	if err := columns.apply(c); err != nil {
		return nil, err
	}
	if f.resume {
		if len(f.space)+len(f.objective) > 0 || f.sampler != "" || f.pruner != "" {
			return nil, usageError{hint.Errorf("begin a new study for that", "xiaoyu tune --resume: a study keeps its space, objectives, sampler and pruner")}
		}
		c.Tune = tune.Config{Space: c.Tune.Space} // zeros: as the study has it
	}
	for _, s := range f.space {
		key, span, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usageError{hint.Errorf("write --space KEY=RANGE, such as --space train.learning_rate=log:1e-4..1e-2", "--space %s", s)}
		}
		if c.Tune.Space == nil {
			c.Tune.Space = map[string]string{}
		}
		c.Tune.Space[strings.TrimSpace(key)] = span
	}
	c.Runs = cmp.Or(runs, c.Runs)
	for flag, value := range map[string]string{
		"trials": strconv.Itoa(f.trials), "minutes": fmt.Sprint(f.minutes), "parallel": strconv.Itoa(f.parallel), "sampler": f.sampler, "pruner": f.pruner,
		"objective": strings.Join(f.objective, ","),
	} {
		if !cmd.Flags().Changed(flag) {
			continue
		}
		if err := conf.Set(c, "tune."+flag, value); err != nil {
			return nil, usageError{err}
		}
	}
	return c, nil
}

// finish shows what the search brought, and trains with the best settings.
func (f *tuneFlags) finish(cmd *cobra.Command, term *terminal, r *xiaoyu.TuneResult, asJSON bool) error {
	term.endStage()
	page := cmp.Or(f.html, filepath.Join(r.Study.Dir, "study.html"))
	if err := writeStudyPage(page, r.Study); err != nil {
		return err
	}
	if f.write != "" {
		if err := writeSettings(f.write, r.Config); err != nil {
			return err
		}
	}
	if !asJSON {
		studyText(term, r.Study)
		fmt.Fprintf(term.out, "\nstudy    %s\npage     %s\nsettings %s\n", r.Study.Dir, page, cmp.Or(f.write, filepath.Join(r.Study.TrialDir(r.Best.Number), xiaoyu.ConfigFile)))
	}
	if f.noTrain {
		if asJSON {
			return term.printJSON(r)
		}
		return nil
	}
	term.Note("training with the settings of trial %d; this model is judged once on the test part, which the search has not seen", r.Best.Number)
	result, err := xiaoyu.Train(cmd.Context(), r.Config, xiaoyu.TrainOptions{Observer: term, Command: os.Args})
	if err != nil {
		return err
	}
	term.endStage()
	if asJSON {
		return term.printJSON(map[string]any{"tune": r, "train": result})
	}
	resultText(term, result)
	return nil
}

// writeSettings writes a configuration to a file that does not exist yet, or that it may replace as a whole.
func writeSettings(path string, c *xiaoyu.Config) error {
	w, err := atomicfile.Create(path)
	if err != nil {
		return hint.Wrap(err, "choose another file", "writing the settings")
	}
	defer w.Abort()
	if err := conf.Explain(w, c); err != nil {
		return hint.Wrap(err, "free some space", "writing the settings to %s", path)
	}
	return w.Commit()
}

func writeStudyPage(path string, study *tune.Study) error {
	w, err := atomicfile.Create(path)
	if err != nil {
		return hint.Wrap(err, "choose another file", "writing the page of the study")
	}
	defer w.Abort()
	if err := tune.Page(w, study.Plan, study.Trials()); err != nil {
		return hint.Wrap(err, "choose another file, or free some space", "writing the page of the study to %s", path)
	}
	return w.Commit()
}

// studyText prints a study: the best trials, and what mattered.
func studyText(term *terminal, study *tune.Study) {
	w := term.out
	trials := study.Trials()
	count := map[tune.State]int{}
	for _, t := range trials {
		count[t.State]++
	}
	fmt.Fprintf(w, "\n%d trials: %d complete, %d given up early, %d failed", len(trials), count[tune.Complete], count[tune.Pruned], count[tune.Failed])
	if open := count[tune.Waiting] + count[tune.Running]; open > 0 {
		fmt.Fprintf(w, ", %d unfinished", open)
	}
	fmt.Fprint(w, "\n\n")
	best := tune.Front(trials, study.Objectives)
	if len(study.Objectives) > 1 {
		fmt.Fprintf(w, "trials that no other one beats in all of %s:\n", names(study.Objectives))
	} else {
		best = tune.Ranked(trials, study.Objectives)
	}
	for _, t := range best[:min(len(best), 10)] {
		if t.State == tune.Complete {
			fmt.Fprintf(w, "%5d  %s  %s\n", t.Number, xiaoyu.Figures(study.Objectives, t.Values), xiaoyu.Settings(study.Space, t.Params))
		}
	}
	importance := xiaoyu.Importance(study)
	for _, o := range study.Objectives {
		shares := importance[o.Name]
		if shares == nil {
			continue
		}
		fmt.Fprintf(w, "\nshare of the variance of %s that each setting explains alone:\n", o.Name)
		for _, name := range slices.SortedFunc(maps.Keys(shares), func(a, b string) int { return cmp.Or(cmp.Compare(shares[b], shares[a]), cmp.Compare(a, b)) }) {
			fmt.Fprintf(w, "  %-28s %5.1f %%\n", name, 100*shares[name])
		}
	}
}

func names(objectives []tune.Objective) string {
	var out []string
	for _, o := range objectives {
		out = append(out, o.Name)
	}
	return strings.Join(out, ", ")
}

// runsOf returns the folder of runs for a command on studies.
func runsOf(runs string) string { return cmp.Or(runs, "runs") }

// openStudy opens a study by name; last is the latest.
func openStudy(runs, name string) (*tune.Study, error) {
	if name == "last" {
		var err error
		if name, err = xiaoyu.LatestStudy(runs); err != nil {
			return nil, err
		}
	}
	dir, err := xiaoyu.StudyDir(runs, name)
	if err != nil {
		return nil, err
	}
	s, err := tune.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		studies, _ := tune.Studies(xiaoyu.StudiesDir(runs))
		var known []string
		for _, s := range studies {
			known = append(known, filepath.Base(s.Dir))
		}
		if near := hint.Nearest(name, known); near != "" {
			err = hint.Wrap(fs.ErrNotExist, fmt.Sprintf("did you mean %s? `xiaoyu tune list` shows the studies", near), "opening the study %s", dir)
		}
	}
	return s, err
}

func tuneShow(term *terminal, runs *string, asJSON *bool) *cobra.Command {
	var write, html string
	var trial int
	cmd := &cobra.Command{
		Use:   "show STUDY",
		Short: "Show a study: its name, or last; write its page or its best settings",
		Args:  exactly(1, "the name of a study"),
		RunE: func(_ *cobra.Command, args []string) error {
			study, err := openStudy(runsOf(*runs), args[0])
			if err != nil {
				return err
			}
			if html != "" {
				if err := writeStudyPage(html, study); err != nil {
					return err
				}
			}
			// Where the best trial has vanished, its settings cannot be had, but the rest is shown.
			c, vanished := xiaoyu.TrialConfig(study, trial)
			if write != "" {
				if vanished != nil {
					return vanished
				}
				return writeSettings(write, c)
			}
			if *asJSON {
				return term.printJSON(&xiaoyu.TuneResult{Study: study, Best: study.Best()})
			}
			fmt.Fprintf(term.out, "study    %s, of %s\n", study.Dir, study.Created.Local().Format("2006-01-02 15:04"))
			for i := range study.Space {
				p := &study.Space[i]
				fmt.Fprintf(term.out, "  %-28s %s%s\n", p.Name, p.Range(), p.If)
			}
			studyText(term, study)
			if vanished != nil && study.Best() != nil {
				term.warn(vanished)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&write, "write", "", "write the best settings to this file, as a xiaoyu.yaml")
	cmd.Flags().IntVar(&trial, "trial", 0, "with --write: the settings of this trial instead of the best")
	cmd.Flags().StringVar(&html, "html", "", "write the study as a web page to this file")
	return cmd
}

func tuneList(term *terminal, runs *string, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the studies, the newest first",
		Args:  exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			dir := xiaoyu.StudiesDir(runsOf(*runs))
			studies, err := tune.Studies(dir)
			if err != nil {
				return err
			}
			if *asJSON {
				list := []map[string]any{}
				for _, s := range studies {
					list = append(list, map[string]any{"study": filepath.Base(s.Dir), "created": s.Created, "objectives": s.Objectives, "trials": len(s.Trials()), "best": s.Best()})
				}
				return term.printJSON(list)
			}
			if len(studies) == 0 {
				fmt.Fprintf(term.out, "no studies in %s; `xiaoyu tune` makes one\n", dir)
				return nil
			}
			fmt.Fprintf(term.out, "%-20s  %-16s  %6s  %s\n", "study", "created", "trials", "best")
			for _, s := range studies {
				best := "–"
				if t := s.Best(); t != nil {
					best = xiaoyu.Figures(s.Objectives, t.Values)
				}
				fmt.Fprintf(term.out, "%-20s  %-16s  %6d  %s\n", filepath.Base(s.Dir), s.Created.Local().Format("2006-01-02 15:04"), len(s.Trials()), best)
			}
			return nil
		},
	}
}

func tuneDelete(term *terminal, runs *string) *cobra.Command {
	return &cobra.Command{
		Use:   "delete STUDY…",
		Short: "Delete studies",
		Args:  atLeast(1, "the name of a study"),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, name := range args {
				study, err := xiaoyu.StudyDir(runsOf(*runs), name)
				if err == nil {
					err = tune.Delete(study)
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(term.out, "deleted %s\n", name)
			}
			return nil
		},
	}
}
