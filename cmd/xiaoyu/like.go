package main

import "github.com/spf13/cobra"

func likeCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var undo bool
	cmd := &cobra.Command{
		Use:   "like OWNER/NAME",
		Short: "Say on a market that you like a package, or no longer do",
		Args:  exactly(1, "owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := packageName(args[0])
			if err != nil {
				return err
			}
			c, err := f.client()
			if err == nil {
				err = c.Like(cmd.Context(), name, !undo)
			}
			if err != nil {
				return err
			}
			said := "you like %s"
			if undo {
				said = "you no longer like %s"
			}
			return f.done(term, map[string]any{"name": name, "likes": !undo}, said, name)
		},
	}
	cmd.Flags().BoolVar(&undo, "undo", false, "take it back")
	f.add(cmd)
	cmd.ValidArgsFunction = completePackage(&f, 0)
	return cmd
}
