package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/examples"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

func newCommand(term *terminal) *cobra.Command {
	var columns columnFlags
	var family, lang string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Start a project: a folder with a xiaoyu.yaml in which every key is explained",
		Args:  exactly(1, "the name of the project"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			project := projectFlags{family: family, suit: &columns}
			c, err := project.load(cmd, true)
			if err != nil {
				return err
			}
			c.Name = filepath.Base(filepath.Clean(dir))
			if columns.data != "" {
				if columns.data, err = filepath.Abs(columns.data); err != nil {
					return err
				}
			}
			if err := columns.apply(c); err != nil {
				return err
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return hint.Wrap(err, "choose a folder that you may write to", "starting the project %s", dir)
			}
			sample := columns.data == ""
			if sample {
				c.Data.Path = "reviews.csv"
			}
			path := filepath.Join(dir, xiaoyu.ConfigFile)
			if err := writeConfig(path, c); errors.Is(err, fs.ErrExist) {
				return hint.Errorf("choose another name, or edit that file", "starting the project %s: %s exists", dir, path)
			} else if err != nil {
				return hint.Wrap(err, "choose a folder that you may write to", "starting the project %s", dir)
			}
			if sample {
				content, err := examples.Reviews(lang)
				if err != nil {
					return usageError{err}
				}
				if err := atomicfile.WriteFile(filepath.Join(dir, "reviews.csv"), content, 0o644); err != nil {
					return err
				}
			}
			fmt.Fprintf(term.out, "%s is ready\n\nnext     cd %s\n         xiaoyu data show\n         xiaoyu train\n", path, dir)
			return nil
		},
	}
	columns.add(cmd, true)
	cmd.Flags().StringVar(&family, "model", "", "model family: "+strings.Join(model.Families(), ", ")+"; otherwise what suits the data")
	cmd.Flags().StringVar(&lang, "lang", "zh", "language of the sample reviews: zh or en")
	return cmd
}
