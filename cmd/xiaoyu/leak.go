package main

import (
	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// leakFound is the exit code of `data leak` where the two files share something.
const leakFound = exitCode(3)

func dataLeak(term *terminal) *cobra.Command {
	var project projectFlags
	var columns columnFlags
	var group string
	var o data.LeakOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "leak [TRAIN TEST]",
		Short: "Find rows of a test file that the training file has too, or nearly",
		Long: `Find rows of a test file that the training file has too, or nearly: for data that was split elsewhere.

Without files, those of the project are compared: data.path and data.test_path.
The exit code is 0 where the files share nothing, 3 where they do, 1 after an error.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return exactly(2, "two files, for training and test, or none for those of the project")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := data.CheckThreshold(o.Threshold); err != nil {
				return usageError{err}
			}
			c, err := project.load(cmd, len(args) > 0)
			if err != nil {
				return err
			}
			if err := columns.apply(c); err != nil {
				return err
			}
			if len(args) == 2 {
				c.Data.Path, c.Data.Test = args[0], args[1]
			}
			if group != "" {
				c.Data.Group = group
			}
			if c.Data.Path == "" || c.Data.Test == "" {
				return hint.Errorf("name them: xiaoyu data leak TRAIN TEST, or set data.path and data.test_path", "looking for leaks takes two files")
			}
			term.quiet = asJSON && !term.live
			l, err := data.FindLeaks(cmd.Context(), &c.Data, o, stages(term))
			if err != nil {
				return err
			}
			term.endStage()
			if asJSON {
				err = term.printJSON(l)
			} else {
				l.Text(term.out)
			}
			if err == nil && l.Found() {
				return leakFound
			}
			return err
		},
	}
	project.add(cmd)
	columns.add(cmd, true)
	flags := cmd.Flags()
	flags.StringVar(&group, "group", "", "column whose values should not be in both files, such as the author")
	flags.Float64Var(&o.Threshold, "threshold", 0.8, "how alike near doubles are: the least share of common short character runs (Jaccard), up to 1")
	flags.IntVar(&o.Examples, "limit", 3, "examples of each kind to show, with the same and with another label; -1 for all")
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
