package main

import "github.com/spf13/cobra"

func serveCommand(term *terminal) *cobra.Command {
	var addr string
	cmd := &cobra.Command{
		Use:   "serve MODEL",
		Short: "Serve a model: predictions as JSON, and a page to try it",
		Args:  exactly(1, "the folder of a model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return serveModel(cmd.Context(), term, args[0], addr, nil)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8080", "address to serve on; port 0 means any free one")
	return cmd
}
