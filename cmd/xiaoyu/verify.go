package main

import (
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

With --key or --roots it checks a signature instead (see ` + "`xiaoyu sign`" + `): that the folder has the files that were signed, all
of them and no others, and that one of these keys signed them.`,
		Example: `  xiaoyu verify exports/reviews --data test.csv --text review --label stars
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
			open := func() (*xiaoyu.Model, error) { return openModel(cmd.Context(), term, args[0]) }
			if python != "" {
				open = func() (*xiaoyu.Model, error) { return xiaoyu.OpenExport(cmd.Context(), args[0], python) }
			}
			exported, err := open()
			if err != nil {
				return err
			}
			defer exported.Close()
			if base == "" {
				if base, err = xiaoyu.ModelOf(exported); err != nil {
					return err
				}
			}
			m, err := openModel(cmd.Context(), term, base)
			if err != nil {
				return hint.Wrap(err, "name it with --model", "opening the model that the export was made from")
			}
			defer m.Close()
			v, err := xiaoyu.Verify(cmd.Context(), m, exported, c, term)
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
