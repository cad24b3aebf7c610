package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

func importCommand(term *terminal) *cobra.Command {
	o := xiaoyu.ImportOptions{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import MODEL --out FOLDER",
		Short: "Make a package of a pretrained model, or of an adapter and its base",
		Long: `Import reads a folder in the Hugging Face layout (weights as safetensors, pytorch_model.bin, ONNX or GGUF), or one
of a hub (hf://owner/name, ms://owner/name, with @revision), and writes it as a package: the same tensors under the
same names, verified when it is opened, complete without where it came from. A LoRA adapter in PEFT's layout is merged
into its base. A single file of weights will do: one of GGUF says itself what it is, others need their config.json and
tokenizer.json beside them, or in the folder that --config names.

Models need no import to be used: every command takes hf:// names and such folders as they are.`,
		Example: `  xiaoyu import hf://sentence-transformers/all-MiniLM-L6-v2 --out models/minilm
  xiaoyu import ./adapter --base ./bert-base-chinese --out models/merged`,
		Args: exactly(1, "one model: its folder, hf://owner/name or market://owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Out == "" {
				return usageError{hint.Errorf("pass --out FOLDER", "where the package goes is missing")}
			}
			o.Model, o.Observer, o.Command = args[0], term, os.Args
			term.quiet = asJSON && !term.live
			i, err := xiaoyu.Import(cmd.Context(), o)
			if err != nil {
				return err
			}
			term.endStage()
			if asJSON {
				return term.printJSON(i)
			}
			printImported(term, i)
			return nil
		},
	}
	cmd.Flags().StringVar(&o.Out, "out", "", "folder for the model package")
	cmd.Flags().StringVar(&o.Config, "config", "", "folder of config.json and tokenizer.json, for a single file of weights that does not stand beside them")
	cmd.Flags().StringVar(&o.Base, "base", "", "what an adapter was trained on; what it says itself if not given")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func printImported(term *terminal, i *xiaoyu.Imported) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(term.out, "%-13s%s\n", name, fmt.Sprintf(format, args...))
	}
	row("architecture", "%s, %s parameters", i.Architecture, size.Count(i.Parameters))
	head := i.Head
	if len(i.Labels) > 0 {
		head += fmt.Sprintf(", %d labels: %s", len(i.Labels), strings.Join(i.Labels[:min(len(i.Labels), 8)], ", "))
	}
	row("head", "%s", head)
	row("tokenizer", "%d tokens; texts of up to %d", i.Tokens, i.MaxTokens)
	switch {
	case i.Normalized:
		row("pooling", "%s, to length 1", i.Pooling)
	case i.Pooling != "":
		row("pooling", "%s", i.Pooling)
	}
	if i.Adapter != "" {
		row("adapter", "%s, merged", i.Adapter)
	}
	licence := i.Licence
	if licence == "" {
		licence = "the model's card names none"
	}
	row("licence", "%s", licence)
	row("package", "%s   (%s)", i.Package, size.Bytes(i.Bytes))
}
