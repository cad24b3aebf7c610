package main

import (
	"os"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func distillCommand(term *terminal) *cobra.Command {
	var project projectFlags
	var columns columnFlags
	var texts []string
	var out, resume string
	var static staticFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "distill TEACHER…",
		Short: "Teach a small model what larger ones know",
		Long: `Distill trains a model of the project's family, or of --student's, on the labels of the data and on what a teacher says
of its texts: the probabilities of all labels, which tell more than one label. The teacher is a model's folder or a
reference (hf://owner/name), a file of soft labels (JSON lines with text and probabilities), or the address of a service
with an OpenAI-style chat API (https://…/v1; section distill.service); several are averaged. It also labels the texts of --texts, which need no labels; none of
them may be a row that the student is judged on.

Where no data is named, by --data or a project, it is that which the first teacher was trained on, as its lineage.json has
it; so one command makes one model of an ensemble: xiaoyu distill models/ensemble.

What a teacher has said is kept, so that nothing is asked twice, and the same command goes on after Ctrl-C. How much the
teacher counts beside labels, and the temperature, are keys of the section distill: see ` + "`xiaoyu config --explain`" + `.

With --static it makes a table of a sentence encoder instead, which needs no labels: what the encoder says of each token
alone, in --dim directions, weighted by frequency. The vector of a text is the mean of its tokens', hundreds of times
faster than the encoder and less exact. --data names texts of the kind that it is for: they tell the frequencies, and
with --fit the table is brought near to what the encoder says of whole texts. model2vec reads the package as well.`,
		Example: `  xiaoyu distill models/large --data reviews.csv --text review --label stars --student ngram --out models/small
  xiaoyu distill --static hf://intfloat/multilingual-e5-small --data texts.csv --text text --vocabulary --fit 5000 --out models/table`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{hint.Errorf("see `xiaoyu distill --help`", "distill needs a teacher")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if static.on {
				return static.run(cmd, term, args, &columns, out, asJSON)
			}
			for _, flag := range staticAlone {
				if cmd.Flags().Changed(flag) {
					return usageError{hint.Errorf("pass --static too, or leave it out", "--%s is for static embeddings", flag)}
				}
			}
			project.teacher = args[0]
			c, err := project.loadWithData(cmd, &columns)
			if err != nil {
				return err
			}
			c.Distill.Teacher = args
			if len(texts) > 0 {
				c.Distill.Texts = texts
			}
			if out != "" {
				c.Out = out
			}
			term.quiet = asJSON && !term.live
			result, err := xiaoyu.Train(cmd.Context(), c, xiaoyu.TrainOptions{Observer: term, Command: os.Args, Resume: resume})
			if err != nil {
				return err
			}
			term.endStage()
			if asJSON {
				return term.printJSON(result)
			}
			resultText(term, result)
			return nil
		},
	}
	project.addAs(cmd, "student")
	columns.add(cmd, true)
	columns.addParts(cmd)
	static.add(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&texts, "texts", nil, "file of texts without labels that the teacher labels too; may be given several times")
	flags.StringVar(&out, "out", "", "folder for the model package; models/NAME if not given")
	resumeFlag(cmd, &resume)
	flags.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}
