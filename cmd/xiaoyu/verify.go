package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func verifyCommand(term *terminal) *cobra.Command {
	var columns columnFlags
	var base, python string
	var asJSON bool
	var signature signatureFlags
	cmd := &cobra.Command{
		Use:   "verify EXPORT --data FILE --text COLUMN --label COLUMN",
		Short: "Compare an export with the model that it was made from, or check the signature of a folder",
		Long: `Verify runs an export and the model that it was made from on the same examples and prints a table: figures
of both, the share of texts of which they say the same, how far their logits are apart, how long one text takes,
and how large they are. Without --label there are no figures. Exports to ONNX are run here; with --python those to
savedmodel and tflite are run by TensorFlow and LiteRT, in the Python that it names.

Programs are run as their users run them, one text after the other, and compared by what they say: an executable
natively, for other machines by qemu-user or wine; a source of C by cc, gcc or clang (or what CC names); a page or
a folder for JavaScript in Chromium (or what XIAOYU_CHROMIUM names) with the network cut off. What is missing for
that is named. They are compared with the package that they carry, C with the model that its lineage names, or with
--model.

With --key or --roots it checks a signature instead (see ` + "`xiaoyu sign`" + `): that the folder has the files that were signed, all
of them and no others, and that one of these keys signed them.`,
		Example: `  xiaoyu verify exports/reviews --data test.csv --text review --label stars
  xiaoyu verify reviews.exe --data test.csv --text review --label stars
  xiaoyu verify reviews.html --data test.csv --text review --label stars
  xiaoyu verify exports/reviews-tf --python venv/bin/python --data test.csv --text review --label stars
  xiaoyu verify models/reviews --key reviews.pem.pub`,
		Args: exactly(1, "one export: its folder or its file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if signature.asked() {
				return signature.verify(cmd.Context(), term, args[0], asJSON)
			}
			if columns.data == "" {
				return usageError{hint.Errorf("pass --data FILE", "the examples are missing")}
			}
			c, err := xiaoyu.Preset("cnn") // only its data part is used
			if err != nil {
				return err
			}
			if err := columns.apply(c); err != nil {
				return err
			}
			if columns.label == "" {
				c.Data.Label = ""
			}
			term.quiet = asJSON && !term.live
			v, err := compareExport(cmd.Context(), term, args[0], base, python, c)
			if err != nil {
				return err
			}
			term.endStage()
			if asJSON {
				return term.printJSON(v)
			}
			fmt.Fprint(term.out, v.Text())
			return nil
		},
	}
	cmd.Flags().StringVar(&base, "model", "", "the model that the export was made from; what the export says itself if not given")
	cmd.Flags().StringVar(&python, "python", "", "for formats that are not run here: the Python interpreter of an environment that has the format's own runtime")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	columns.add(cmd, true)
	signature.add(cmd)
	return cmd
}

// compareExport compares the export at path with a model.
func compareExport(ctx context.Context, term *terminal, path, base, python string, c *xiaoyu.Config) (*xiaoyu.Verification, error) {
	open := func(name string) (*xiaoyu.Model, error) { return openModel(ctx, term, name) }
	if python == "" && xiaoyu.IsProgram(path) {
		return xiaoyu.VerifyProgram(ctx, path, base, open, c, term)
	}
	openExport := open
	if python != "" {
		openExport = func(path string) (*xiaoyu.Model, error) { return xiaoyu.OpenExport(ctx, path, python) }
	}
	exported, err := openExport(path)
	if err != nil {
		return nil, err
	}
	defer exported.Close()
	if base == "" {
		if base, err = xiaoyu.ModelOf(exported); err != nil {
			return nil, err
		}
	}
	m, err := open(base)
	if err != nil {
		return nil, hint.Wrap(err, "name it with --model", "opening the model that the export was made from")
	}
	defer m.Close()
	return xiaoyu.Verify(ctx, m, exported, c, term)
}
