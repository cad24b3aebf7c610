package main

import (
	"fmt"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
)

func configCommand(term *terminal) *cobra.Command {
	var project projectFlags
	var explain, asJSON bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the project's configuration and print it with all defaults, or explain every key",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			named := cmd.Flags().Changed("model") || cmd.Flags().Changed("base")
			project.suit = &columnFlags{given: cmd.Flags().Changed} // none
			c, err := project.load(cmd, explain || named && !exists(project.file))
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return term.printJSON(c)
			case explain:
				fmt.Fprintf(term.out, "# %s: all keys with their defaults, as for the family %s\n\n", xiaoyu.ConfigFile, c.Model.Family)
				return conf.Explain(term.out, c)
			}
			return conf.Encode(term.out, c)
		},
	}
	project.add(cmd)
	cmd.Flags().BoolVar(&explain, "explain", false, "print every key with what it means and what it may be")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
