package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// precision is the flag --precision of commands that predict.
type precision struct{ nn.Precision }

func (p *precision) add(cmd *cobra.Command) {
	cmd.Flags().Var(p, "precision", "how exactly to multiply: f32, bf16 or int8; less is faster where the processor has instructions for it")
}

// Set and Type make it a flag.
func (p *precision) Set(name string) error {
	var err error
	if p.Precision, err = nn.ParsePrecision(name); err != nil {
		return hint.Errorf("pass f32, bf16 or int8", "%v", err)
	}
	return nil
}

func (p *precision) Type() string { return "name" }

// open opens a model, by its folder or its name on a hub, that predicts in it.
func (p *precision) open(ctx context.Context, term *terminal, name string) (*xiaoyu.Model, error) {
	m, err := openModel(ctx, term, name)
	if err == nil && p.Precision != nn.F32 {
		m.SetPrecision(p.Precision)
	}
	return m, err
}

// openModel opens a model by its folder or its name on a hub.
func openModel(ctx context.Context, term *terminal, name string) (*xiaoyu.Model, error) {
	m, err := xiaoyu.OpenReference(ctx, name, term)
	term.endStage()
	return m, err
}
