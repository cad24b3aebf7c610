package main

import "github.com/spf13/cobra"

func serveCommand(term *terminal) *cobra.Command {
	var addr string
	var exact precision
	cmd := &cobra.Command{
		Use:   "serve MODEL",
		Short: "Serve a model: predictions as JSON, and a page to try it",
		Args:  exactly(1, "a model: its folder, hf://owner/name or market://owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := exact.open(cmd.Context(), term, args[0])
			if err != nil {
				return err
			}
			return serveModel(cmd.Context(), term, m, addr, nil)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8080", "address to serve on; port 0 means any free one")
	exact.add(cmd)
	return cmd
}
