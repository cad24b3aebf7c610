package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/generate"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func generateCommand(term *terminal) *cobra.Command {
	var o generate.Options
	var greedy, asJSON bool
	var samples int
	var exact precision
	cmd := &cobra.Command{
		Use:   "generate MODEL [PROMPT]",
		Short: "Write text that goes on from a prompt, with a language model",
		Long: `Generate continues a prompt with a causal language model: what ` + "`xiaoyu pretrain --model decoder`" + ` wrote, or a
checkpoint of the Hugging Face layout (GPT-2, Llama, Qwen2, Qwen3). The text is printed as it is written.
With - as the prompt, it is read from standard input; without one, the model begins by itself.

Each token is drawn from the probabilities that the model gives: --temperature below 1 makes the probable
more so, --top-k and --top-p leave out what is improbable, --repetition-penalty above 1 what the text has already.
--greedy takes the most probable token each time. The same --seed gives the same text.`,
		Args: cobra.MatchAll(atLeast(1, "a model: its folder, hf://owner/name or market://owner/name"), atMost(2, "a model and a prompt: put the prompt in quotes")),
		RunE: func(cmd *cobra.Command, args []string) error {
			if greedy {
				o.Temperature = 0
			}
			if err := o.Check(); err != nil {
				return usageError{err}
			}
			if samples < 1 {
				return usageError{hint.Errorf("pass 1 or more", "--samples %d", samples)}
			}
			prompt, err := promptOf(args[1:], os.Stdin)
			if err != nil {
				return err
			}
			m, err := exact.open(cmd.Context(), term, args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			w, err := generate.New(m.Model)
			if err != nil {
				return err
			}
			return writeSamples(cmd.Context(), term, w, prompt, o, samples, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.MaxTokens, "max-tokens", 200, "at most so many new tokens; 0 for as many as the model has room for")
	flags.Float64Var(&o.Temperature, "temperature", 0.8, "below 1 the probable becomes more so, above 1 less; 0 is --greedy")
	flags.IntVar(&o.TopK, "top-k", 0, "only so many of the most probable tokens count; 0 for all")
	flags.Float64Var(&o.TopP, "top-p", 0.95, "only the most probable tokens count that together have this probability; 1 for all")
	flags.Float64Var(&o.Repetition, "repetition-penalty", 1, "above 1, tokens that the text has already become less probable")
	flags.StringArrayVar(&o.Stop, "stop", nil, "end before this string; may be given several times")
	flags.Uint64Var(&o.Seed, "seed", 1, "of what is drawn")
	flags.BoolVar(&greedy, "greedy", false, "take the most probable token each time")
	flags.IntVar(&samples, "samples", 1, "so many texts, with the seeds from --seed on")
	flags.BoolVar(&asJSON, "json", false, "print each text as a line of JSON, when it is done")
	exact.add(cmd)
	return cmd
}

// promptOf is the prompt of the arguments behind the model.
func promptOf(args []string, in io.Reader) (string, error) {
	if len(args) == 0 {
		return "", nil
	}
	if args[0] != "-" {
		return args[0], nil
	}
	const limit = 16 << 20
	content, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && len(content) > limit {
		err = hint.Errorf("shorten it", "it has more than 16 MB")
	}
	if err != nil {
		return "", fmt.Errorf("reading the prompt from standard input: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r"), nil
}

// sample is a text with its prompt, as JSON has it.
type sample struct {
	Prompt string `json:"prompt"`
	*generate.Result
	Seed uint64 `json:"seed"`
}

// writeSamples reads the prompt once and continues it several times.
func writeSamples(ctx context.Context, term *terminal, m *generate.Model, prompt string, o generate.Options, samples int, asJSON bool) error {
	read, err := m.Begin(ctx, prompt)
	if err != nil {
		return err
	}
	defer read.Close()
	for i := range samples {
		if !asJSON {
			if i > 0 {
				fmt.Fprint(term.out, "\n---\n")
			}
			fmt.Fprint(term.out, prompt)
		}
		s := read.Clone()
		r, err := s.Write(ctx, o, func(piece string) error {
			if asJSON {
				return nil
			}
			_, err := io.WriteString(term.out, piece)
			return err
		})
		s.Close()
		if !asJSON {
			_, endErr := fmt.Fprintln(term.out)
			err = cmp.Or(err, endErr)
		}
		if err != nil {
			return err
		}
		if asJSON {
			e := json.NewEncoder(term.out)
			e.SetEscapeHTML(false)
			if err := e.Encode(sample{prompt, r, o.Seed}); err != nil {
				return fmt.Errorf("writing texts: %w", err)
			}
		}
		o.Seed++
	}
	return nil
}
