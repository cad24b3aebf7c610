package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func orgCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "org",
		Short: "Organisations of a market: names that several people publish under",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(orgListCommand(term), orgCreateCommand(term), orgMembersCommand(term), orgSetCommand(term), orgRemoveCommand(term), orgInviteCommand(term))
	return cmd
}

// done prints what was done: a sentence, or facts as JSON.
func (f *clientFlags) done(term *terminal, facts map[string]any, format string, args ...any) error {
	if f.asJSON {
		return term.printJSON(facts)
	}
	fmt.Fprintf(term.out, format+"\n", args...)
	return nil
}

func orgListCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the organisations that you are a member of",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.client()
			if err != nil {
				return err
			}
			list, err := c.Organisations(cmd.Context())
			if err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(list)
			}
			printMembers(term, list)
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

func printMembers(term *terminal, list []client.Member) {
	for _, m := range list {
		fmt.Fprintf(term.out, "%-24s %-6s %s\n", m.Name, m.Role, m.FullName)
	}
}

func orgCreateCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var fullName string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an organisation, whose first administrator you are; the token needs the scope admin",
		Args:  exactly(1, "a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.client()
			if err != nil {
				return err
			}
			o, err := c.CreateOrganisation(cmd.Context(), client.NewOrganisation{Name: args[0], FullName: fullName})
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"name": o.Name, "full_name": o.FullName}, "organisation %s made", o.Name)
		},
	}
	cmd.Flags().StringVar(&fullName, "full-name", "", "its name for people")
	f.add(cmd)
	return cmd
}

func orgMembersCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "members NAME",
		Short: "List the members of an organisation, with their roles",
		Args:  exactly(1, "an organisation"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.client()
			if err != nil {
				return err
			}
			o, err := c.Organisation(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(o)
			}
			printMembers(term, o.Members)
			fmt.Fprintf(term.out, "%d packages, %s\n", o.Packages, size.Bytes(o.Bytes))
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

func orgSetCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "set NAME ACCOUNT ROLE",
		Short: "Make somebody a member of an organisation, or give a member another role: read, write or admin",
		Args:  exactly(3, "an organisation, an account and a role"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[2] != "read" && args[2] != "write" && args[2] != "admin" {
				return usageError{hint.Errorf("it is read, write or admin", "the role %q is unknown", args[2])}
			}
			c, err := f.client()
			if err == nil {
				err = c.SetMember(cmd.Context(), args[0], args[1], args[2])
			}
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"organisation": args[0], "name": args[1], "role": args[2]}, "%s has the role %s in %s", args[1], args[2], args[0])
		},
	}
	f.add(cmd)
	return cmd
}

func orgRemoveCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "remove NAME ACCOUNT",
		Short: "Remove somebody, or yourself, from an organisation; tokens lose what the membership gave at once",
		Args:  exactly(2, "an organisation and an account"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.client()
			if err == nil {
				err = c.SetMember(cmd.Context(), args[0], args[1], "")
			}
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"organisation": args[0], "name": args[1], "role": nil}, "%s is no member of %s", args[1], args[0])
		},
	}
	f.add(cmd)
	return cmd
}

func orgInviteCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var role, note string
	cmd := &cobra.Command{
		Use:   "invite NAME",
		Short: "Make a link by which one person becomes a member of an organisation, and print it",
		Args:  exactly(1, "an organisation"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.client()
			if err != nil {
				return err
			}
			link, err := c.Invite(cmd.Context(), args[0], client.NewInvitation{Role: role, Note: note})
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"organisation": args[0], "role": role, "link": link}, "%s", link)
		},
	}
	cmd.Flags().StringVar(&role, "role", "write", "role of who comes: read, write or admin")
	cmd.Flags().StringVar(&note, "note", "", "for whom it is")
	f.add(cmd)
	return cmd
}
