package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/examples"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/serve"
)

func quickstartCommand(term *terminal) *cobra.Command {
	var columns columnFlags
	var family, out, addr, lang string
	var noServe, asJSON bool
	var auto autoFlags
	cmd := &cobra.Command{
		Use:   "quickstart",
		Short: "From text to a served model in a minute: on sample reviews, or on your own file",
		Long: `Quickstart cleans and splits the data, trains a small model, judges it on the held-out part, writes
the model package, and serves it on a page where you can try it.

Without flags it uses sample reviews that come with the program. With your own file:

  xiaoyu quickstart --data reviews.csv --text review --label stars`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			project := projectFlags{family: family, suit: &columns}
			c, err := project.load(cmd, true)
			if err != nil {
				return err
			}
			c.Name = "quickstart"
			c.Out, c.Runs = out, filepath.Join(filepath.Dir(filepath.Clean(out)), "runs")
			sample := columns.data == ""
			if sample {
				path, err := sampleFile(lang)
				if err != nil {
					return err
				}
				defer os.Remove(path)
				columns.data, columns.text, columns.label = path, "text", "label"
				if c.Train.Optimizer != "dual" { // few and short texts: more rounds, and patience with the noise of a small validation part
					c.Train.Epochs, c.Train.Patience = 40, 8
				}
			}
			if err := columns.apply(c); err != nil {
				return err
			}
			term.quiet = asJSON && !term.live
			dir, err := quickstartTrain(cmd, term, c, &auto, asJSON)
			if err != nil {
				return err
			}
			if noServe {
				return nil
			}
			var samples []string
			if sample {
				samples = examples.ToTry(lang)
			}
			m, err := xiaoyu.Open(dir)
			if err != nil {
				return err
			}
			return serveModel(cmd.Context(), term, m, addr, samples)
		},
	}
	columns.add(cmd, true)
	auto.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&family, "model", "", "model family: "+strings.Join(model.Families(), ", ")+"; otherwise what suits the data")
	flags.StringVar(&out, "out", filepath.Join("models", "quickstart"), "folder for the model package")
	flags.StringVar(&addr, "addr", "127.0.0.1:0", "address to serve on; port 0 means any free one")
	flags.StringVar(&lang, "lang", "zh", "language of the sample reviews: zh or en")
	flags.BoolVar(&noServe, "no-serve", false, "end after the package is written")
	flags.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// quickstartTrain trains, automatically if asked to, shows the result and returns the folder of the package.
func quickstartTrain(cmd *cobra.Command, term *terminal, c *xiaoyu.Config, auto *autoFlags, asJSON bool) (string, error) {
	if auto.on {
		o := xiaoyu.AutoOptions{Observer: term}
		if cmd.Flags().Changed("model") {
			o.Family = c.Model.Family
		}
		r, err := auto.train(cmd, c, o)
		if err != nil {
			return "", err
		}
		return r.Package, autoText(term, r, asJSON)
	}
	result, err := xiaoyu.Train(cmd.Context(), c, xiaoyu.TrainOptions{Observer: term, Command: os.Args})
	if err != nil {
		return "", err
	}
	term.endStage()
	if asJSON {
		return result.Package, term.printJSON(result)
	}
	resultText(term, result)
	return result.Package, nil
}

// sampleFile writes the sample reviews to a temporary file, so that they take the same path as any data.
func sampleFile(lang string) (string, error) {
	content, err := examples.Reviews(lang)
	if err != nil {
		return "", usageError{err}
	}
	f, err := os.CreateTemp("", "xiaoyu-reviews-"+lang+"-*.csv")
	if err != nil {
		return "", fmt.Errorf("writing the sample reviews: %w", err)
	}
	_, err = f.Write(content)
	return f.Name(), errors.Join(err, f.Close())
}

// serveModel serves a model until ctx ends, and closes it.
func serveModel(ctx context.Context, term *terminal, m *xiaoyu.Model, addr string, samples []string) error {
	defer m.Close()
	l, err := serve.Listen(addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(term.err, "\nserving  http://%s   (Ctrl-C stops)\n", l.Addr())
	if err := serve.New(m.Model, serve.Options{Examples: samples}).Run(ctx, l); err != nil {
		return err
	}
	fmt.Fprintln(term.err, "stopped")
	return nil
}

// writeConfig writes a new configuration file; one that exists is left alone.
func writeConfig(path string, c *xiaoyu.Config) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(conf.Explain(f, c), f.Close())
}
