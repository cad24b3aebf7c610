package main

import (
	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func packageCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "package",
		Short: "Settings of a package on a market: who may see it, its name, its end",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(packageSetCommand(term), packageMoveCommand(term), packageDeleteCommand(term))
	return cmd
}

// packageName reads owner/name.
func packageName(text string) (string, error) {
	ref, err := client.ParseReference(text)
	if err == nil && (ref.Tag != "" || ref.Digest != "") {
		err = hint.Errorf("write owner/name", "%q names a version", text)
	}
	if err != nil {
		return "", usageError{err}
	}
	return ref.Name, nil
}

func packageSetCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var private, public bool
	var gated, description string
	cmd := &cobra.Command{
		Use:   "set OWNER/NAME",
		Short: "Change who may see a package and read its files, or its description",
		Args:  exactly(1, "owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := packageName(args[0])
			if err != nil {
				return err
			}
			var s client.Settings
			facts := map[string]any{"name": name}
			if private || public {
				s.Private, facts["private"] = &private, private
			}
			if cmd.Flags().Changed("gated") {
				if gated == "off" {
					gated = ""
				}
				s.Gated, facts["gated"] = &gated, gated
			}
			if cmd.Flags().Changed("description") {
				s.Description, facts["description"] = &description, description
			}
			if len(facts) == 1 || private && public {
				return usageError{hint.Errorf("pass one or more of --private or --public, --gated, --description", "nothing to change is named")}
			}
			c, err := f.client()
			if err == nil {
				err = c.Configure(cmd.Context(), name, s)
			}
			if err != nil {
				return err
			}
			return f.done(term, facts, "%s is changed", name)
		},
	}
	cmd.Flags().BoolVar(&private, "private", false, "only you and members of the organisation may see it")
	cmd.Flags().BoolVar(&public, "public", false, "everybody may see it")
	cmd.Flags().StringVar(&gated, "gated", "", "who may read its files: auto (who asks), manual (who asks and is let in), off (everybody)")
	cmd.Flags().StringVar(&description, "description", "", "one paragraph, until the next version's card says another")
	f.add(cmd)
	return cmd
}

func packageMoveCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "move OWNER/NAME OWNER/NAME",
		Short: "Give a package another name or owner; the old name leads to the new one until somebody takes it",
		Args:  exactly(2, "the name and the new name, each as owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := packageName(args[0])
			if err != nil {
				return err
			}
			to, err := packageName(args[1])
			if err != nil {
				return err
			}
			c, err := f.client()
			if err == nil {
				err = c.Configure(cmd.Context(), from, client.Settings{Name: to})
			}
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"from": from, "name": to}, "%s is %s now", from, to)
		},
	}
	f.add(cmd)
	return cmd
}

func packageDeleteCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete OWNER/NAME[:VERSION]",
		Short: "Delete a package with all its versions, or one version of it, for good; yank takes a version back instead",
		Args:  exactly(1, "owner/name or owner/name:version"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := client.ParseReference(args[0])
			if err == nil && ref.Digest != "" {
				err = hint.Errorf("write owner/name:version", "a version is deleted by its name")
			}
			if err != nil {
				return usageError{err}
			}
			if !yes {
				return usageError{hint.Errorf("pass --yes if that is what you want", "%s would be gone for good", args[0])}
			}
			c, err := f.client()
			if err == nil {
				err = c.Delete(cmd.Context(), ref.Name, ref.Tag)
			}
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"deleted": args[0]}, "%s is deleted", args[0])
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, delete it")
	f.add(cmd)
	return cmd
}
